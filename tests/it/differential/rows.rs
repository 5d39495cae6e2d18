//! The commands that are compared, as templates.
//!
//! | in a template | is |
//! |---|---|
//! | `a\|b` | one of them |
//! | `{ … }` | one to four times what is between |
//! | `[ … ]` | what is between, or nothing |
//! | `$…` | a word of that kind: see `words` |
//!
//! Not here: what depends on chance or on the time (SPOP, TIME, `XADD *`, TTL …), since the two
//! servers would rightly differ.

/// What in a reply has no order of its own: Redis seeds its hash tables at random.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// Nothing.
    Fixed,
    /// The items.
    Items,
    /// Pairs of items.
    Pairs,
    /// The items behind a cursor.
    Cursor,
    /// The pairs behind a cursor.
    CursorPairs,
}
use Order::{Cursor, CursorPairs, Fixed, Items, Pairs};

/// How often, among the others; what has no order; the template.
pub type Row = (usize, Order, &'static str);

pub const ROWS: &[Row] = &[
    // Strings.
    (8, Fixed, "SET $S $v"),
    (3, Fixed, "SET $S $v [ NX|XX ] [ GET ] [ KEEPTTL|EXAT|PXAT ]"),
    (2, Fixed, "SET $S $v EXAT $t"),
    (2, Fixed, "SET $S $v PXAT $T GET"),
    (2, Fixed, "SETNX $S $v"),
    (2, Fixed, "GETSET|GETDEL $S $v"),
    (2, Fixed, "GETDEL $S"),
    (6, Fixed, "GET $S"),
    (2, Fixed, "GETEX $S [ PERSIST ]"),
    (1, Fixed, "GETEX $S EXAT $t"),
    (3, Fixed, "MGET { $S }"),
    (2, Fixed, "MSET|MSETNX { $S $v }"),
    (3, Fixed, "APPEND $S $v"),
    (2, Fixed, "STRLEN $S"),
    (3, Fixed, "INCR|DECR $S"),
    (3, Fixed, "INCRBY|DECRBY $S $n"),
    (2, Fixed, "INCRBYFLOAT $S $x"),
    (2, Fixed, "SETRANGE $S $o $v"),
    (2, Fixed, "GETRANGE|SUBSTR $S $i $i"),
    (1, Fixed, "LCS $S $S [ LEN ] [ IDX ] [ MINMATCHLEN $i ] [ WITHMATCHLEN ]"),
    // Keys.
    (3, Fixed, "DEL|UNLINK|EXISTS|TOUCH { $K }"),
    (3, Fixed, "TYPE $K"),
    (3, Fixed, "OBJECT ENCODING $K"),
    (1, Fixed, "OBJECT FREQ $K"),
    (1, Fixed, "OBJECT HELP|NOSUCH"),
    (2, Fixed, "RENAME|RENAMENX $K $K"),
    (2, Fixed, "COPY $K $K [ REPLACE ]"),
    (2, Fixed, "EXPIREAT $K $t [ NX|XX|GT|LT ]"),
    (2, Fixed, "PEXPIREAT $K $T [ NX|XX|GT|LT ]"),
    (2, Fixed, "EXPIRETIME|PEXPIRETIME $K"),
    (1, Fixed, "PERSIST $K"),
    (2, Items, "KEYS $pattern"),
    (1, Cursor, "SCAN 0 MATCH $pattern COUNT 100000"),
    (1, Cursor, "SCAN 0 MATCH $pattern COUNT 100000 TYPE string|hash|list|zset|nosuch"),
    (1, Fixed, "SORT|SORT_RO $L [ LIMIT $i $i ] [ ASC|DESC ] [ ALPHA ]"),
    (1, Fixed, "SORT $L ALPHA STORE $L"),
    (1, Items, "SORT $E ALPHA"),
    // Hashes.
    (5, Fixed, "HSET $H { $f $v }"),
    (1, Fixed, "HMSET $H { $f $v }"),
    (2, Fixed, "HSETNX $H $f $v"),
    (4, Fixed, "HGET $H $f"),
    (2, Fixed, "HMGET $H { $f }"),
    (4, Pairs, "HGETALL $H"),
    (2, Items, "HKEYS|HVALS $H"),
    (2, Fixed, "HDEL $H { $f }"),
    (2, Fixed, "HEXISTS|HSTRLEN $H $f"),
    (1, Fixed, "HLEN $H"),
    (2, Fixed, "HINCRBY $H $f $n"),
    (2, Fixed, "HINCRBYFLOAT $H $f $x"),
    (1, CursorPairs, "HSCAN $H 0 COUNT 100000"),
    (1, Cursor, "HSCAN $H 0 COUNT 100000 NOVALUES"),
    (1, Fixed, "HEXPIREAT $H $t FIELDS 2 $f $f"),
    (1, Fixed, "HEXPIRETIME|HPEXPIRETIME|HPERSIST $H FIELDS 1 $f"),
    (1, Fixed, "HGETDEL $H FIELDS 1 $f"),
    (1, Fixed, "HSETEX $H EXAT $t FIELDS 1 $f $v"),
    // Lists.
    (5, Fixed, "RPUSH|LPUSH|RPUSHX|LPUSHX $L { $v }"),
    (5, Fixed, "LRANGE $L $i $i"),
    (2, Fixed, "LPOP|RPOP $L [ $i ]"),
    (2, Fixed, "LINDEX $L $i"),
    (1, Fixed, "LLEN $L"),
    (1, Fixed, "LSET $L $i $v"),
    (1, Fixed, "LINSERT $L BEFORE|AFTER $v $v"),
    (1, Fixed, "LREM $L $i $v"),
    (1, Fixed, "LTRIM $L $i $i"),
    (1, Fixed, "LPOS $L $v [ RANK $i ] [ COUNT $i ] [ MAXLEN $i ]"),
    (1, Fixed, "LMOVE $L $L LEFT|RIGHT LEFT|RIGHT"),
    (1, Fixed, "RPOPLPUSH $L $L"),
    (1, Fixed, "LMPOP 2 $L $L LEFT|RIGHT [ COUNT $i ]"),
    // What a client in its own right would take for a pushed message.
    (2, Fixed, "RPUSH $L message|pmessage|subscribe|psubscribe|unsubscribe|invalidate $v $v"),
    // Sets.
    (5, Fixed, "SADD $E { $f }"),
    (1, Fixed, "SADD $E { $n }"),
    (1, Fixed, "SREM $E { $f }"),
    (3, Items, "SMEMBERS $E"),
    (2, Fixed, "SISMEMBER $E $f"),
    (1, Fixed, "SMISMEMBER $E { $f }"),
    (1, Fixed, "SCARD $E"),
    (1, Fixed, "SMOVE $E $E $f"),
    (2, Items, "SINTER|SUNION|SDIFF { $E }"),
    (1, Fixed, "SINTERSTORE|SUNIONSTORE|SDIFFSTORE $E { $E }"),
    (1, Fixed, "SINTERCARD 2 $E $E [ LIMIT $i ]"),
    (1, Cursor, "SSCAN $E 0 COUNT 100000"),
    // Sorted sets.
    (5, Fixed, "ZADD $Z { $s $f }"),
    (2, Fixed, "ZADD $Z [ NX|XX ] [ GT|LT ] [ CH ] [ INCR ] $s $f"),
    (2, Fixed, "ZSCORE $Z $f"),
    (1, Fixed, "ZMSCORE $Z { $f }"),
    (2, Fixed, "ZINCRBY $Z $s $f"),
    (1, Fixed, "ZREM $Z { $f }"),
    (1, Fixed, "ZCARD $Z"),
    (2, Fixed, "ZRANK|ZREVRANK $Z $f [ WITHSCORE ]"),
    (4, Fixed, "ZRANGE $Z $i $i [ REV ] [ WITHSCORES ]"),
    (2, Fixed, "ZRANGE $Z $r $r BYSCORE [ LIMIT $i $i ] [ WITHSCORES ]"),
    // Ranges of words are defined among equal scores only, so these keys have no other.
    (2, Fixed, "ZADD $Y { 0 $f }"),
    (1, Fixed, "ZRANGE $Y $l $l BYLEX [ LIMIT $i $i ]"),
    (1, Fixed, "ZRANGESTORE $Z $Z $i $i [ REV ]"),
    (1, Fixed, "ZRANGEBYSCORE|ZREVRANGEBYSCORE $Z $r $r [ WITHSCORES ] [ LIMIT $i $i ]"),
    (1, Fixed, "ZREVRANGE $Z $i $i [ WITHSCORES ]"),
    (1, Fixed, "ZRANGEBYLEX|ZREVRANGEBYLEX|ZLEXCOUNT $Y $l $l"),
    (1, Fixed, "ZCOUNT|ZREMRANGEBYSCORE $Z $r $r"),
    (1, Fixed, "ZREMRANGEBYRANK $Z $i $i"),
    (1, Fixed, "ZREMRANGEBYLEX $Y $l $l"),
    (1, Fixed, "ZPOPMIN|ZPOPMAX $Z [ $i ]"),
    (1, Fixed, "ZMPOP 2 $Z $Z MIN|MAX [ COUNT $i ]"),
    (1, Fixed, "ZUNION|ZINTER 2 $Z $Z [ WEIGHTS $s $s ] [ AGGREGATE SUM|MIN|MAX ] [ WITHSCORES ]"),
    (1, Fixed, "ZDIFF 2 $Z $Z [ WITHSCORES ]"),
    (1, Fixed, "ZUNIONSTORE|ZINTERSTORE|ZDIFFSTORE $Z 2 $Z $Z"),
    (1, Fixed, "ZINTERCARD 2 $Z $Z [ LIMIT $i ]"),
    (1, CursorPairs, "ZSCAN $Z 0 COUNT 100000"),
    // Streams.
    (4, Fixed, "XADD $X $d { $f $v }"),
    (1, Fixed, "XADD $X [ NOMKSTREAM ] MAXLEN = $i $d $f $v"),
    (3, Fixed, "XRANGE $X - + [ COUNT $i ]"),
    (1, Fixed, "XREVRANGE $X + - [ COUNT $i ]"),
    (1, Fixed, "XRANGE $X $d $d"),
    (1, Fixed, "XLEN $X"),
    (1, Fixed, "XDEL $X { $d }"),
    (1, Fixed, "XTRIM $X MAXLEN|MINID [ = ] $i"),
    (3, Fixed, "XREAD [ COUNT $i ] STREAMS $X $X 0 $d"),
    (2, Fixed, "XGROUP CREATE $X g|h 0|$ [ MKSTREAM ]"),
    (1, Fixed, "XGROUP CREATECONSUMER|DELCONSUMER $X g c|d"),
    (1, Fixed, "XGROUP SETID $X g $d"),
    (1, Fixed, "XGROUP DESTROY $X h"),
    (2, Fixed, "XREADGROUP GROUP g|h c|d [ COUNT $i ] [ NOACK ] STREAMS $X >|0"),
    (1, Fixed, "XACK $X g { $d }"),
    (1, Fixed, "XPENDING $X g|h"),
    (1, Fixed, "XCLAIM $X g d 0 $d $d [ JUSTID ]"),
    (1, Fixed, "XAUTOCLAIM $X g c 0 0 [ COUNT $i ] [ JUSTID ]"),
    (1, Fixed, "XINFO GROUPS $X"),
    (1, Fixed, "XINFO STREAM $X"),
    (1, Fixed, "XSETID $X $d"),
    // Bitmaps.
    (2, Fixed, "SETBIT $B $o 0|1|2"),
    (2, Fixed, "GETBIT $B $o"),
    (1, Fixed, "BITCOUNT $B [ $i $i ]"),
    (1, Fixed, "BITCOUNT $B $i $i BYTE|BIT"),
    (1, Fixed, "BITPOS $B 0|1 [ $i ]"),
    (1, Fixed, "BITOP AND|OR|XOR|NOT $B $B"),
    (1, Fixed, "BITFIELD $B INCRBY i5 3 $i GET u8 $o OVERFLOW SAT|FAIL|WRAP SET u2 4 $i"),
    (1, Fixed, "BITFIELD_RO $B GET u63 1 GET i64 0"),
    // Places.
    (2, Fixed, "GEOADD $G [ NX|XX ] [ CH ] { $lon $lat $f }"),
    (1, Fixed, "GEODIST $G $f $f [ m|km|mi|ft ]"),
    (1, Fixed, "GEOPOS|GEOHASH $G { $f }"),
    (1, Fixed, "GEOSEARCH $G FROMMEMBER $f BYRADIUS 500 km ASC|DESC [ WITHCOORD ] [ WITHDIST ]"),
    (1, Fixed, "GEOSEARCH $G FROMLONLAT $lon $lat BYBOX 9000 9000 km ASC WITHHASH [ COUNT 3 ]"),
    (1, Fixed, "GEOSEARCHSTORE $G $G FROMLONLAT $lon $lat BYRADIUS 9000 km [ STOREDIST ]"),
    (1, Fixed, "GEORADIUS $G $lon $lat 9000 km WITHDIST ASC"),
    // HyperLogLog.
    (2, Fixed, "PFADD $P { $v }"),
    (1, Fixed, "PFCOUNT { $P }"),
    (1, Fixed, "PFMERGE $P $P"),
    // Scripts and functions.
    (8, Fixed, "EVAL $lua 1 $K $v"),
    (1, Fixed, "EVAL_RO $lua 1 $K $v"),
    (1, Fixed, "EVAL $lua $n"),
    (1, Fixed, "SCRIPT LOAD $stored"),
    (2, Fixed, "EVALSHA|EVALSHA_RO $sha 1 $K $v"),
    (1, Fixed, "SCRIPT EXISTS $sha $sha"),
    (1, Fixed, "FUNCTION LOAD [ REPLACE ] $library"),
    (1, Fixed, "FUNCTION LIST LIBRARYNAME $name [ WITHCODE ]"),
    (1, Fixed, "FUNCTION DELETE $name"),
    (2, Fixed, "FCALL|FCALL_RO $name 1 $K $v"),
    // The server and the connection, as far as every server answers alike.
    (2, Fixed, "ECHO $v"),
    (2, Fixed, "PING [ $v ]"),
    (1, Fixed, "PUBLISH $v $v"),
    (1, Pairs, "PUBSUB NUMSUB { $v }"),
    (1, Fixed, "COMMAND INFO GET|xadd|nosuch"),
    (1, Fixed, "COMMAND DOCS get|set|nosuch"),
    (1, Fixed, "COMMAND GETKEYS MSET a b c d"),
    (1, Fixed, "CONFIG GET maxmemory-policy"),
    (1, Fixed, "$unknown [ $v ] [ $v ]"),
];

/// Refused without being sent: the command, and the answer's text.
pub const REFUSED: &[(&str, &str)] = &[
    (
        "SUBSCRIBE c",
        "ERR Command \"SUBSCRIBE\" is not allowed in REST or it has a special context path",
    ),
    ("select 1", "ERR Command \"SELECT\" is not allowed in REST or it has a special context path"),
    ("Multi", "ERR Command \"MULTI\" is not allowed in REST or it has a special context path"),
    (
        "CLIENT REPLY OFF",
        "ERR Command \"CLIENT\" is not allowed in REST or it has a special context path",
    ),
    (
        "BLPOP k 0",
        "ERR Command \"BLPOP\" would block: blocking commands are not supported over REST; poll, \
         or use the non-blocking form",
    ),
    (
        "DEBUG SLEEP 9",
        "ERR Command is not available: 'DEBUG'. See \
         https://upstash.com/docs/redis/overall/rediscompatibility for details",
    ),
    // Names that Redis would take for that of the connection's last command.
    (
        "GET\0 k",
        "ERR Command is not available: 'GET\0'. See \
         https://upstash.com/docs/redis/overall/rediscompatibility for details",
    ),
    (
        "client|setinfo x lib-name y",
        "ERR Command is not available: 'CLIENT|SETINFO'. See \
         https://upstash.com/docs/redis/overall/rediscompatibility for details",
    ),
];
