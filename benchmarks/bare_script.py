"""The same traffic with nothing but openai and json, as an engineer in a hurry, but no beginner, would write it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openai import OpenAI

from benchmarks.measured import report_on, started

IMPORTS = started()
PER_FILE = 15_000
"""Requests that surely stay below 200 MB."""
INPUT_USD, CACHED_USD, OUTPUT_USD = 0.5e-6, 0.05e-6, 2e-6


def requests_of(plan: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    """`number` requests: for each site the articles of the plan, behind what is the same for all of the site."""
    per_site = len(plan["tasks"])
    for index in range(number):
        site, item = divmod(index, per_site)
        if item == 0:
            system = plan["system"].replace(plan["site"], f"site-{site:05d}")
        yield {
            "custom_id": f"site-{site:05d}-articles-article-{item + 1:02d}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": plan["model"],
                "messages": [
                    {"role": "system", "content": system},
                    {"role": "user", "content": plan["context"]},
                    {"role": "user", "content": plan["tasks"][item]},
                ],
                **plan["parameters"],
            },
        }


def write_files(plan: dict[str, Any], folder: Path, number: int) -> Iterator[tuple[Path, set[str]]]:
    requests = requests_of(plan, number)
    for first in range(0, number, PER_FILE):
        path = folder / f"requests-{first}.jsonl"
        ids = set()
        with path.open("w", encoding="utf-8") as file:
            for _, request in zip(range(min(PER_FILE, number - first)), requests, strict=False):
                file.write(json.dumps(request, ensure_ascii=False) + "\n")
                ids.add(request["custom_id"])
        yield path, ids


def run(url: str, folder: Path, number: int) -> dict[str, Any]:
    plan = json.loads((folder / "plan.json").read_text("utf-8"))
    client = OpenAI(api_key="none", base_url=url)
    tokens = articles = 0
    usd = 0.0
    for path, ids in write_files(plan, folder, number):
        with path.open("rb") as file:
            upload = client.files.create(file=file, purpose="batch")
        batch = client.batches.create(input_file_id=upload.id, endpoint="/v1/chat/completions", completion_window="24h")
        while batch.status not in ("completed", "failed", "expired", "cancelled"):
            time.sleep(0.1)
            batch = client.batches.retrieve(batch.id)
        assert batch.output_file_id
        with client.files.with_streaming_response.content(batch.output_file_id) as response:
            for line in response.iter_lines():
                result = json.loads(line)
                ids.remove(result["custom_id"])
                body = result["response"]["body"]
                article = json.loads(body["choices"][0]["message"]["content"])
                articles += bool(article["title"] and article["sections"])
                usage = body["usage"]
                cached = usage["prompt_tokens_details"]["cached_tokens"]
                tokens += usage["total_tokens"]
                usd += (usage["prompt_tokens"] - cached) * INPUT_USD
                usd += cached * CACHED_USD + usage["completion_tokens"] * OUTPUT_USD
        assert not ids
    return {"articles": articles, "tokens": tokens, "usd": usd}


if __name__ == "__main__":
    report_on(run, IMPORTS)
