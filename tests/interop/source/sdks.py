import os

import anthropic
import boto3
from botocore.config import Config
from openai import AsyncOpenAI, OpenAI, RateLimitError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

COMMON = {"timeout": 30.0, "max_retries": 1}

bucket = boto3.client(
    "s3", config=Config(retries={"max_attempts": 4, "mode": "standard"}, connect_timeout=2, read_timeout=8)
)
table = boto3.resource("dynamodb", config=Config(retries={"total_max_attempts": 6, "mode": "legacy"}))
adaptive = Config(retries={"mode": "adaptive"})

openai_client = OpenAI()
quick = AsyncOpenAI(**COMMON)
claude = anthropic.Anthropic(max_retries=int(os.getenv("CLAUDE_RETRIES", "4")), timeout=anthropic.Timeout(60.0))


@retry(
    wait=wait_random_exponential(min=1, max=60),
    stop=stop_after_attempt(6),
    retry=retry_if_exception_type(RateLimitError),
)
def ask(question):
    return openai_client.with_options(max_retries=5).chat.completions.create(model="m", messages=[question])


@retry(stop=stop_after_attempt(3), wait=wait_random_exponential(max=10))
def store(key, body):
    bucket.put_object(Bucket="b", Key=key, Body=body)
