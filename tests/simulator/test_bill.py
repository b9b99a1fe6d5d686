from typing import Any

from pressrun.simulator.bill import Bill


def test_every_reply_is_on_the_bill_with_its_usage_and_how_it_was_served() -> None:
    bill = Bill()
    reply: dict[str, Any] = {"usage": {"prompt_tokens": 3}, "service_tier": "flex", "choices": ["not on the bill"]}
    bill.add("gpt-6-luna", reply, batch=False)
    bill.add("gpt-image-2.5-flare", {"usage": {"output_tokens": 5}}, batch=True)
    assert bill.items() == [
        {"model": "gpt-6-luna", "batch": False, "tier": "flex", "usage": {"prompt_tokens": 3}},
        {"model": "gpt-image-2.5-flare", "batch": True, "tier": None, "usage": {"output_tokens": 5}},
    ]
