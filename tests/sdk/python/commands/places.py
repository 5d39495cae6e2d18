"""Places on earth, and estimates of how many."""

from pytest import approx

_PALERMO = (13.361389, 38.115556, "Palermo")
_CATANIA = (15.087269, 37.502669, "Catania")


def _two(redis):
    redis.geoadd("geo", _PALERMO, _CATANIA)


def _is_catania(place, distance):
    assert place.member == "Catania"
    assert place.distance == approx(distance, abs=0.001)
    assert place.hash == 3479447370796909
    assert (place.longitude, place.latitude) == approx(_CATANIA[:2], abs=0.0001)


_DETAILS = {"withdist": True, "withhash": True, "withcoord": True}


def geoadd(redis):
    assert redis.geoadd("geo", _PALERMO, _CATANIA) == 2
    assert redis.geoadd("geo", (1, 2, "Palermo"), nx=True) == 0
    assert redis.geoadd("geo", (1, 2, "Palermo"), xx=True, ch=True) == 1
    assert redis.geopos("geo", "Palermo") == [approx((1, 2), abs=0.0001)]


def geodist(redis):
    _two(redis)
    assert redis.geodist("geo", "Palermo", "Catania") == 166274.1516
    assert redis.geodist("geo", "Palermo", "Catania", "KM") == 166.2742
    assert redis.geodist("geo", "Palermo", "missing") is None


def geohash(redis):
    _two(redis)
    assert redis.geohash("geo", "Palermo", "missing") == ["sqc8b49rny0", None]


def geopos(redis):
    _two(redis)
    palermo, missing = redis.geopos("geo", "Palermo", "missing")
    assert palermo == approx(_PALERMO[:2], abs=0.0001)
    assert missing is None


def georadius(redis):
    _two(redis)
    assert redis.georadius("geo", 15, 37, 200, "KM", order="ASC") == ["Catania", "Palermo"]
    (place,) = redis.georadius("geo", 15, 37, 200, "KM", count=1, order="ASC", **_DETAILS)
    _is_catania(place, 56.4413)
    assert redis.georadius("geo", 15, 37, 100, "KM", store="found") == 1
    assert redis.zrange("found", 0, -1) == ["Catania"]


def georadius_ro(redis):
    _two(redis)
    assert redis.georadius_ro("geo", 15, 37, 100, "KM") == ["Catania"]
    (place,) = redis.georadius_ro("geo", 15, 37, 100, "KM", **_DETAILS)
    _is_catania(place, 56.4413)


def georadiusbymember(redis):
    _two(redis)
    both = redis.georadiusbymember("geo", "Palermo", 200, "KM", order="DESC")
    assert both == ["Catania", "Palermo"]
    assert redis.georadiusbymember("geo", "Palermo", 200, "KM", storedist="found") == 2
    assert redis.zscore("found", "Catania") == approx(166.2742, abs=0.001)


def georadiusbymember_ro(redis):
    _two(redis)
    place, _ = redis.georadiusbymember_ro("geo", "Palermo", 200, "KM", order="DESC", **_DETAILS)
    _is_catania(place, 166.2742)


def geosearch(redis):
    _two(redis)
    box = {"member": "Palermo", "width": 400, "height": 400, "unit": "KM"}
    assert redis.geosearch("geo", order="DESC", **box) == ["Catania", "Palermo"]
    circle = {"longitude": 15, "latitude": 37, "radius": 200, "unit": "KM"}
    (place,) = redis.geosearch("geo", order="ASC", count=1, **circle, **_DETAILS)
    _is_catania(place, 56.4413)


def geosearchstore(redis):
    _two(redis)
    circle = {"longitude": 15, "latitude": 37, "radius": 200, "unit": "KM"}
    assert redis.geosearchstore("found", "geo", **circle) == 2
    assert redis.geosearchstore("found", "geo", **circle, order="ASC", count=1, storedist=True) == 1
    assert redis.zscore("found", "Catania") == approx(56.4413, abs=0.001)


def pfadd(redis):
    assert [redis.pfadd("log", "a", "b"), redis.pfadd("log", "a")] == [True, False]


def pfcount(redis):
    redis.pfadd("log", "a", "b", "c")
    redis.pfadd("other", "c", "d")
    assert redis.pfcount("log") == 3
    assert redis.pfcount("log", "other") == 4


def pfmerge(redis):
    redis.pfadd("log", "a", "b", "c")
    redis.pfadd("other", "c", "d")
    assert redis.pfmerge("all", "log", "other") is True
    assert redis.pfcount("all") == 4
