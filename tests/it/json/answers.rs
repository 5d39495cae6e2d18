//! What each command answers: to a path that begins with `$`, with a reply for each match, and to a
//! legacy one, with one reply or an error.

use super::in_redis::start;
use crate::support::Resp;

/// Words, of which one may be quoted with `'`, and the answer: as JSON, or the error's beginning.
const ROWS: &[(&str, &str)] = &[
    (
        r#"JSON.SET d $ '{"n":1,"s":"foo","b":true,"z":null,"a":[1,"x",2.5],"o":{"n":2,"a":[]}}'"#,
        "+OK",
    ),
    ("JSON.GET d $.n", r#""[1]""#),
    ("JSON.GET d .n", r#""1""#),
    ("JSON.GET d .n .s", r#""{\".n\":1,\".s\":\"foo\"}""#),
    ("JSON.GET d $.n .s", r#""{\"$.n\":[1],\".s\":[\"foo\"]}""#),
    ("JSON.GET d $.none", r#""[]""#),
    ("JSON.GET d .none", "-ERR Path '.none' does not exist"),
    ("JSON.GET d INDENT > NEWLINE ; SPACE _ $.o", r#""[;>{;>>\"n\":_2,;>>\"a\":_[];>};]""#),
    ("JSON.GET d .o SPACE _", r#""{\"n\":_2,\"a\":_[]}""#),
    ("JSON.GET d noescape .n", r#""1""#),
    ("JSON.GET d INDENT", "-ERR wrong number of arguments for 'json.get' command"),
    ("JSON.GET d FORMAT STRING .n", "-ERR FORMAT is not supported"),
    ("JSON.GET none $", "null"),
    ("JSON.TYPE d $.*", r#"["integer","string","boolean","null","array","object"]"#),
    ("JSON.TYPE d .a[2]", r#""number""#),
    ("JSON.TYPE d .none", "null"),
    ("JSON.TYPE none $", "null"),
    ("JSON.SET d $.new 1 XX", "null"),
    ("JSON.SET d $.new 1 NX", "+OK"),
    ("JSON.SET d $.new 2 NX", "null"),
    ("JSON.SET d $.new 2 XX", "+OK"),
    ("JSON.SET none $ 1 XX", "null"),
    ("JSON.SET none $ nonsense XX", "-ERR invalid JSON"),
    ("JSON.SET d $.x.y 1", "-ERR Path '$.x.y' matches nothing and cannot be created"),
    ("JSON.SET d $.n.y 1", "-ERR Path '$.n.y' matches nothing and cannot be created"),
    ("JSON.SET d $..q 1", "-ERR Path '$..q' matches nothing and cannot be created"),
    ("JSON.SET d $.a[3] 4", "+OK"),
    ("JSON.SET d $.a[9] 4", "-ERR array index out of range"),
    ("JSON.DEL d $.a[3]", ":1"),
    ("JSON.NUMINCRBY d $..n 2", r#""[4,3]""#),
    ("JSON.NUMINCRBY d .n 0.5", r#""3.5""#),
    ("JSON.NUMINCRBY d $.s 1", r#""[null]""#),
    ("JSON.NUMINCRBY d .s 1", "-ERR Path '.s' does not exist or is not a number"),
    ("JSON.NUMMULTBY d $.n 2", r#""[7.0]""#),
    ("JSON.NUMINCRBY d $.n '\"1\"'", "-ERR the value to calculate with is not a number"),
    (
        "JSON.NUMINCRBY none $ 1",
        "-ERR could not perform this operation on a key that doesn't exist",
    ),
    ("JSON.SET big $ '[9223372036854775807,1e308,1]'", "+OK"),
    ("JSON.NUMINCRBY big $[0] 1", r#""[9223372036854775808]""#),
    ("JSON.NUMMULTBY big $[0] 2", r#""[1.8446744073709552e+19]""#),
    // All or none.
    ("JSON.NUMMULTBY big $[*] 1e10", "-ERR result is not a number"),
    ("JSON.GET big", r#""[1.8446744073709552e+19,1e+308,1]""#),
    ("JSON.STRAPPEND d $.s '\"bar\"'", "[6]"),
    ("JSON.STRAPPEND d .s '\"!\"'", ":7"),
    ("JSON.STRAPPEND d $.s 1", "-WRONGTYPE"),
    ("JSON.STRAPPEND d .n '\"x\"'", "-ERR Path '.n' does not exist or is not a string"),
    ("JSON.STRLEN d $.*", "[null,7,null,null,null,null,null]"),
    ("JSON.STRLEN d .n", "-WRONGTYPE wrong type of path value - expected string but found number"),
    ("JSON.STRLEN none", "null"),
    ("JSON.STRLEN none $", "-ERR could not perform"),
    ("JSON.ARRLEN d $..a", "[0,3]"),
    ("JSON.ARRLEN d .a", ":3"),
    ("JSON.ARRLEN d .none", "-ERR Path '.none' does not exist"),
    ("JSON.ARRAPPEND d .a 1 [2]", ":5"),
    ("JSON.ARRAPPEND d $.n 1", "[null]"),
    ("JSON.ARRINDEX d .a 1", ":0"),
    ("JSON.ARRINDEX d $.a 1 1", "[3]"),
    ("JSON.ARRINDEX d .a 1 1 -2", ":-1"),
    ("JSON.ARRINDEX d .a 1 0 0", ":0"),
    ("JSON.ARRINDEX d .a [2]", ":4"),
    ("JSON.ARRINDEX d .a 7", ":-1"),
    ("JSON.ARRINSERT d $.a -1 0", "[6]"),
    ("JSON.ARRINSERT d .a 7 0", "-ERR index out of bounds"),
    ("JSON.ARRINSERT d .a -7 0", "-ERR index out of bounds"),
    ("JSON.ARRINSERT d .a +1 0", "-ERR value is not an integer"),
    ("JSON.GET d .a", r#""[1,\"x\",2.5,1,0,[2]]""#),
    ("JSON.ARRPOP d $.a", r#"["[2]"]"#),
    ("JSON.ARRPOP d .a 0", r#""1""#),
    ("JSON.ARRPOP d .a 99", r#""0""#),
    ("JSON.ARRPOP d $.o.a", "[null]"),
    ("JSON.ARRTRIM d .a 1 -1", ":2"),
    ("JSON.ARRTRIM d $.a -9 -3", "[1]"),
    ("JSON.ARRTRIM d .a 5 9", ":0"),
    ("JSON.OBJKEYS d .o", r#"["n","a"]"#),
    ("JSON.OBJKEYS d $.n", "[null]"),
    ("JSON.OBJLEN d $..o", "[2]"),
    ("JSON.OBJLEN d .none", "null"),
    ("JSON.TOGGLE d $.b", "[0]"),
    ("JSON.TOGGLE d .b", r#""true""#),
    ("JSON.TOGGLE d .n", "-ERR Path '.n' does not exist or is not a boolean"),
    ("JSON.CLEAR d $.*", ":3"),
    (
        "JSON.GET d",
        r#""{\"n\":0,\"s\":\"foobar!\",\"b\":true,\"z\":null,\"a\":[],\"o\":{},\"new\":0}""#,
    ),
    ("JSON.CLEAR none", "-ERR could not perform"),
    ("JSON.MERGE d $.o '{\"p\":{\"q\":null,\"r\":1}}'", "+OK"),
    ("JSON.MERGE d $ '{\"b\":null,\"z\":null,\"o\":{\"t\":2}}'", "+OK"),
    (
        "JSON.GET d .",
        r#""{\"n\":0,\"s\":\"foobar!\",\"a\":[],\"o\":{\"p\":{\"r\":1},\"t\":2},\"new\":0}""#,
    ),
    ("JSON.MSET d $.n 5 none $.x 1", "-ERR new objects must be created at the root"),
    ("JSON.MSET d $.n 5 d $.none.x 1", "-ERR Path '$.none.x' matches nothing"),
    ("JSON.GET d .n", r#""0""#),
    ("JSON.MSET m $ {} d $.n 5 m $.a [] m $.a[0] 1", "+OK"),
    ("JSON.MGET d m none .a", r#"["[]","[1]",null]"#),
    ("JSON.MGET d m $.n", r#"["[5]","[]"]"#),
    ("SET plain x", "+OK"),
    ("JSON.GET plain", "-WRONGTYPE"),
    ("JSON.SET plain $ 1", "-WRONGTYPE"),
    ("JSON.MGET plain d .n", r#"[null,"5"]"#),
    ("GET d", "-WRONGTYPE"),
    ("JSON.RESP d $.o", r#"[["+{","p",["+{","r",1],"t",2]]"#),
    ("JSON.SET f $ [0.5,true]", "+OK"),
    ("JSON.RESP f .", r#"["+[","0.5","+true"]"#),
    ("JSON.DEBUG MEMORY none", ":0"),
    ("JSON.DEBUG NONE", "-ERR unknown subcommand"),
    ("JSON.SET r $ '{\"a\":{\"a\":[1]},\"b\":[1,2,3,4]}'", "+OK"),
    // What is within another, or double, counts once.
    ("JSON.DEL r $..a", ":1"),
    ("JSON.FORGET r $.b[0,0,2]", ":2"),
    ("JSON.GET r", r#""{\"b\":[2,4]}""#),
    ("JSON.SET r $.b [[],0]", "+OK"),
    ("JSON.GET r $..b[?@==0]", r#""[0]""#),
    ("JSON.DEL r $", ":1"),
    ("JSON.DEL r", ":0"),
    ("EXISTS r", ":0"),
    ("JSON.GET", "-ERR wrong number of arguments for 'json.get' command"),
    ("JSON.TYPE d . .", "-ERR wrong number of arguments for 'json.type' command"),
    ("JSON.GET d $[", "-ERR invalid JSON path at character 3"),
];

#[tokio::test]
async fn each_command_answers_as_upstash_has_it() {
    let (_redis, mut connection) = start(&[]).await;
    for (line, want) in ROWS {
        let got = said(&connection.ask(&words(line)).await);
        let is_it = if want.starts_with('-') { got.starts_with(want) } else { got == *want };
        assert!(is_it, "{line}\n  answered {got}\n  wanted   {want}");
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(nth, part)| match nth % 2 {
        0 => part.split_whitespace().collect(),
        _ => vec![part],
    });
    words.map(|word| word.as_bytes().to_vec()).collect()
}

/// Within an array, a status keeps its sign, and a number has none.
fn said(reply: &Resp) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match reply {
        Resp::Status(status) => format!("+{}", text(status)),
        Resp::Error(error) => format!("-{}", text(error)),
        Resp::Integer(number) => format!(":{number}"),
        other => as_json(other).to_string(),
    }
}

fn as_json(reply: &Resp) -> serde_json::Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match reply {
        Resp::Status(_) | Resp::Error(_) => said(reply).into(),
        Resp::Integer(number) => (*number).into(),
        Resp::Bulk(bytes) => text(bytes).into(),
        Resp::Array(replies) => replies.iter().map(as_json).collect(),
        Resp::Nil => serde_json::Value::Null,
    }
}
