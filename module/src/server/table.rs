//! The commands as Redis knows them: names, flags, and where their keys are.

use std::ffi::CStr;
use std::os::raw::c_int;
use std::{mem, ptr};

use redis_module::Status;
use redis_module::raw::{self, RedisModuleCtx, RedisModuleString};

use super::call::serve;
use crate::commands;

/// A function of Redis by its C name.
macro_rules! function {
    ($name:ident) => {
        // Every server from 7.0 on has all that are asked for in this way.
        redis_module::raw::$name.expect(concat!(stringify!($name), " is in Redis 7.0"))
    };
}
pub(super) use function;

/// Where a command's keys are.
#[derive(Clone, Copy)]
struct Keys {
    /// The first one's place, the command's name being at 0.
    first: c_int,
    /// The last one's place after the first, or before the end if it is negative.
    last: c_int,
    /// From one to the next.
    step: c_int,
}

const ONE: Keys = Keys { first: 1, last: 0, step: 1 };
/// All but the path at the end.
const ALL_BUT_LAST: Keys = Keys { first: 1, last: -2, step: 1 };
/// Each with a path and a value.
const TRIPLES: Keys = Keys { first: 1, last: -1, step: 3 };
const SECOND: Keys = Keys { first: 2, last: 0, step: 1 };

/// What a command is to Redis.
#[derive(Clone, Copy)]
struct Spec {
    name: &'static CStr,
    /// Redis's words, as `COMMAND` gives them.
    flags: &'static CStr,
    /// The number of arguments with the name; negative if there may be more.
    arity: c_int,
    keys: Keys,
    /// What it does with its keys: Redis's key specification flags.
    access: u32,
    call: CommandFunction,
}

type CommandFunction =
    unsafe extern "C" fn(*mut RedisModuleCtx, *mut *mut RedisModuleString, c_int) -> c_int;

const READ: u32 = raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS;
/// Sizes, types and names of members, but not what is in the document.
const LOOK: u32 = raw::REDISMODULE_CMD_KEY_RO;
const CHANGE: u32 =
    raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_ACCESS | raw::REDISMODULE_CMD_KEY_UPDATE;
const SET: u32 = raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE;
const DELETE: u32 = raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_DELETE;

/// A row of the table.
macro_rules! command {
    ($name:literal, $flags:literal, $arity:literal, $keys:expr, $access:expr, $handler:path) => {{
        unsafe extern "C" fn call(
            ctx: *mut RedisModuleCtx,
            argv: *mut *mut RedisModuleString,
            argc: c_int,
        ) -> c_int {
            // SAFETY: this is what Redis calls.
            unsafe { serve(ctx, argv, argc, $handler) }
        }
        Spec { name: $name, flags: $flags, arity: $arity, keys: $keys, access: $access, call }
    }};
}

const COMMANDS: &[Spec] = &[
    command!(c"json.arrappend", c"write deny-oom", -4, ONE, SET, commands::array::append),
    command!(c"json.arrindex", c"readonly", -4, ONE, READ, commands::array::index),
    command!(c"json.arrinsert", c"write deny-oom", -5, ONE, SET, commands::array::insert),
    command!(c"json.arrlen", c"readonly", -2, ONE, LOOK, commands::array::len),
    command!(c"json.arrpop", c"write", -2, ONE, CHANGE, commands::array::pop),
    command!(c"json.arrtrim", c"write", 5, ONE, SET, commands::array::trim),
    command!(c"json.clear", c"write", -2, ONE, SET, commands::delete::clear),
    command!(c"json.debug", c"readonly", -2, SECOND, LOOK, commands::read::debug),
    command!(c"json.del", c"write", -2, ONE, DELETE, commands::delete::del),
    command!(c"json.forget", c"write", -2, ONE, DELETE, commands::delete::del),
    command!(c"json.get", c"readonly", -2, ONE, READ, commands::read::get),
    command!(c"json.merge", c"write deny-oom", 4, ONE, SET, commands::set::merge),
    command!(c"json.mget", c"readonly", -3, ALL_BUT_LAST, READ, commands::read::mget),
    command!(c"json.mset", c"write deny-oom", -4, TRIPLES, SET, commands::set::mset),
    command!(c"json.numincrby", c"write deny-oom", 4, ONE, CHANGE, commands::number::incrby),
    command!(c"json.nummultby", c"write deny-oom", 4, ONE, CHANGE, commands::number::multby),
    command!(c"json.objkeys", c"readonly", -2, ONE, READ, commands::read::objkeys),
    command!(c"json.objlen", c"readonly", -2, ONE, LOOK, commands::read::objlen),
    command!(c"json.resp", c"readonly", -2, ONE, READ, commands::read::resp),
    command!(c"json.set", c"write deny-oom", -4, ONE, SET, commands::set::set),
    command!(c"json.strappend", c"write deny-oom", -3, ONE, SET, commands::string::append),
    command!(c"json.strlen", c"readonly", -2, ONE, LOOK, commands::string::len),
    command!(c"json.toggle", c"write deny-oom", 3, ONE, CHANGE, commands::boolean::toggle),
    command!(c"json.type", c"readonly", -2, ONE, LOOK, commands::read::kind),
];

/// The group of commands in `ACL` rules, `+@json`, where a module can have one (Redis 7.4).
const CATEGORY: &CStr = c"json";

/// All groups of a command: whoever names some must name all that Redis would have found by its flags.
fn categories(spec: &Spec) -> &'static CStr {
    if spec.flags.to_bytes().starts_with(b"write") { c"write slow json" } else { c"read slow json" }
}

/// Makes the commands known.
pub fn register(ctx: *mut RedisModuleCtx) -> Status {
    // SAFETY: called while the module is being loaded, with its context.
    unsafe {
        let has_category = raw::RedisModule_AddACLCategory
            .is_some_and(|add| add(ctx, CATEGORY.as_ptr()) == raw::REDISMODULE_OK as c_int);
        for spec in COMMANDS {
            let status = register_one(ctx, spec, has_category);
            if status != Status::Ok {
                raw::redis_log(ctx, &format!("cannot register {:?}", spec.name));
                return status;
            }
        }
    }
    Status::Ok
}

/// # Safety
/// As [`register`] has it.
unsafe fn register_one(ctx: *mut RedisModuleCtx, spec: &Spec, has_category: bool) -> Status {
    unsafe {
        let name = spec.name.as_ptr();
        let created: Status = function!(RedisModule_CreateCommand)(
            ctx,
            name,
            Some(spec.call),
            spec.flags.as_ptr(),
            0,
            0,
            0,
        )
        .into();
        if created != Status::Ok {
            return created;
        }
        let command = function!(RedisModule_GetCommand)(ctx, name);
        if has_category && let Some(set) = raw::RedisModule_SetCommandACLCategories {
            let status: Status = set(command, categories(spec).as_ptr()).into();
            if status != Status::Ok {
                return status;
            }
        }
        let mut key_specs = [key_spec(spec), mem::zeroed()];
        let info = raw::RedisModuleCommandInfo {
            version: &VERSION,
            summary: ptr::null(),
            complexity: ptr::null(),
            since: ptr::null(),
            history: ptr::null_mut(),
            tips: ptr::null(),
            arity: spec.arity,
            key_specs: key_specs.as_mut_ptr(),
            args: ptr::null_mut(),
        };
        function!(RedisModule_SetCommandInfo)(command, &raw const info).into()
    }
}

static VERSION: raw::RedisModuleCommandInfoVersion = raw::RedisModuleCommandInfoVersion {
    version: 1,
    sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
    sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
    sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
};

fn key_spec(spec: &Spec) -> raw::RedisModuleCommandKeySpec {
    // SAFETY: all zeros is what Redis reads as nothing.
    let mut key_spec: raw::RedisModuleCommandKeySpec = unsafe { mem::zeroed() };
    key_spec.flags = spec.access.into();
    key_spec.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
    key_spec.bs.index.pos = spec.keys.first;
    key_spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
    key_spec.fk.range.lastkey = spec.keys.last;
    key_spec.fk.range.keystep = spec.keys.step;
    key_spec
}
