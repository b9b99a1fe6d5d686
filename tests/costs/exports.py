"""OpenAI's exports as they are found in public, line by line."""

from datetime import UTC, datetime, timedelta

__all__ = ["COSTS_HEAD", "DAY", "HEAD", "billed", "empty", "export", "times", "used"]

DAY = datetime(2026, 11, 20, tzinfo=UTC)
HEAD = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,"
    "service_tier,compute_units,input_tokens,output_tokens,input_cached_tokens,input_cache_write_tokens"
)
COSTS_HEAD = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,"
    "user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email"
)


def times(day: int) -> str:
    """The bucket of a day of November 2026, as the export writes it."""
    start = DAY.replace(day=day)
    end = start + timedelta(days=1)
    return f"{start.timestamp():.0f},{end.timestamp():.0f},{start.isoformat()},{end.isoformat()}"


def used(day: int, model: str = "gpt-6-luna-2026-09-01", **changes: object) -> str:
    """A line of the completions export: two calls like that of `a_row`, by batch."""
    cells = {"requests": "2.0", "batch": "True", "input": "4000.0", "output": "4000.0", "cached": "2000.0", **changes}
    return (
        f"{times(day)},proj_1,{cells['requests']},user-1,key_1,{model},{cells['batch']},default,,"
        f"{cells['input']},{cells['output']},{cells['cached']},0.0"
    )


def empty(day: int) -> str:
    return times(day) + "," * 12


def billed(day: int, amount: str, line_item: str = "", currency: str = "usd") -> str:
    return f'{times(day)},{amount},{currency},1000.0,tokens,"{line_item}",,,proj_1,org_1,,Personal,'


def export(*lines: str, head: str = HEAD) -> str:
    return "\n".join([head, *lines]) + "\n"
