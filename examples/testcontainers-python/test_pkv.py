# pip install testcontainers upstash-redis pytest
# pytest test_pkv.py
import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy
from upstash_redis import Redis

TOKEN = "example_token"


@pytest.fixture(scope="session")
def redis():
    pkv = DockerContainer("pkv").with_env("SRH_TOKEN", TOKEN).with_exposed_ports(7860)
    with pkv.waiting_for(HttpWaitStrategy(7860, "/ready")):
        url = f"http://{pkv.get_container_host_ip()}:{pkv.get_exposed_port(7860)}"
        with Redis(url=url, token=TOKEN) as client:
            yield client


def test_what_is_set_can_be_read(redis):
    assert redis.set("user:1", "Ada")
    assert redis.get("user:1") == "Ada"
