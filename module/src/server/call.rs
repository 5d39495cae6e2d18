//! One command being done: its arguments, the keys that it names, and what is
//! to be said of a change.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use redis_module::Status;
use redis_module::raw::{self, RedisModuleCtx, RedisModuleKey, RedisModuleString};

use super::data_type::DATA_TYPE;
use super::table::function;
use crate::document::Document;
use crate::failure::Failure;
use crate::reply::Reply;

/// A command's doing.
pub type Handler = fn(&mut Call<'_>) -> Result<Reply, Failure>;

/// A command being done.
pub struct Call<'c> {
    ctx: *mut RedisModuleCtx,
    strings: &'c [*mut RedisModuleString],
    arguments: Vec<&'c [u8]>,
}

impl<'c> Call<'c> {
    /// What follows the command's name.
    pub fn arguments(&self) -> &[&'c [u8]] {
        &self.arguments
    }

    /// The document at the key that is argument number `at`; nothing if there is no such key.
    ///
    /// # Errors
    /// If the key holds something else.
    pub fn read(&self, at: usize) -> Result<Option<&Document>, Failure> {
        let entry = Entry::open(self, at, raw::KeyMode::READ)?;
        // SAFETY: nobody but a command changes a document, and this one borrows `self` until it
        // is done with it; closing the key does not touch the document.
        Ok(entry.document.map(|document| unsafe { document.as_ref() }))
    }

    /// The key that is argument number `at`, to be changed.
    ///
    /// # Errors
    /// If it holds something else than a document.
    pub fn open(&mut self, at: usize) -> Result<Entry<'_>, Failure> {
        Entry::open(self, at, raw::KeyMode::READ | raw::KeyMode::WRITE)
    }

    /// Says that the command has changed the key that is argument number `at`:
    /// to replicas and the append-only file, to who watches the key, and to who
    /// has subscribed to its events.
    pub fn changed(&self, at: usize, event: &CStr) {
        self.touched(at, event);
        self.replicate();
    }

    /// What `changed` says of one key, where a command changes several.
    pub fn touched(&self, at: usize, event: &CStr) {
        // SAFETY: the strings live as long as the call.
        unsafe { function!(RedisModule_SignalModifiedKey)(self.ctx, self.strings[at + 1]) };
        self.notify(at, raw::REDISMODULE_NOTIFY_MODULE, event);
    }

    /// What `changed` says of the command, once for all keys.
    pub fn replicate(&self) {
        raw::replicate_verbatim(self.ctx);
    }

    /// What `changed` says, of a key that is gone.
    pub fn removed(&self, at: usize, event: &CStr) {
        self.changed(at, event);
        self.notify(at, raw::REDISMODULE_NOTIFY_GENERIC, c"del");
    }

    fn notify(&self, at: usize, class: c_int, event: &CStr) {
        let key = self.strings[at + 1];
        // SAFETY: the strings live as long as the call.
        unsafe { function!(RedisModule_NotifyKeyspaceEvent)(self.ctx, class, event.as_ptr(), key) };
    }
}

/// A key that is open to be changed.
pub struct Entry<'c> {
    key: *mut RedisModuleKey,
    document: Option<NonNull<Document>>,
    call: PhantomData<&'c mut ()>,
}

impl Entry<'_> {
    fn open(call: &Call<'_>, at: usize, mode: raw::KeyMode) -> Result<Self, Failure> {
        let key = raw::open_key(call.ctx, call.strings[at + 1], mode);
        let mut entry = Self { key, document: None, call: PhantomData };
        // SAFETY: an open key, or none at all, which is what an empty one is too.
        let kind = unsafe { function!(RedisModule_KeyType)(key) };
        if kind == raw::REDISMODULE_KEYTYPE_EMPTY as c_int {
            return Ok(entry);
        }
        // SAFETY: an open key that is not empty; the type tells whose its value is.
        unsafe {
            if function!(RedisModule_ModuleTypeGetType)(key) != *DATA_TYPE.raw_type.borrow() {
                return Err(Failure::wrong_type());
            }
            entry.document = NonNull::new(function!(RedisModule_ModuleTypeGetValue)(key).cast());
        }
        Ok(entry)
    }

    /// The document; nothing if there is no such key.
    pub fn document(&mut self) -> Option<&mut Document> {
        // SAFETY: it is the key's, which is open for nobody else.
        self.document.map(|mut document| unsafe { document.as_mut() })
    }

    /// Makes a new key hold a document.
    pub fn create(&mut self, new: Document) {
        let new = Box::into_raw(Box::new(new));
        self.document = NonNull::new(new);
        // SAFETY: Redis has it from now on, and gives it to `data_type`'s `free` in the end.
        unsafe {
            function!(RedisModule_ModuleTypeSetValue)(
                self.key,
                *DATA_TYPE.raw_type.borrow(),
                new.cast::<c_void>(),
            );
        }
    }

    /// Removes the key.
    pub fn remove(&mut self) {
        self.document = None;
        // SAFETY: an open key.
        unsafe { function!(RedisModule_UnlinkKey)(self.key) };
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if !self.key.is_null() {
            raw::close_key(self.key);
        }
    }
}

/// Does a command and answers it.
///
/// # Safety
/// To be called by Redis, as a module's command.
pub unsafe fn serve(
    ctx: *mut RedisModuleCtx,
    argv: *mut *mut RedisModuleString,
    argc: c_int,
    handler: Handler,
) -> c_int {
    let argc = usize::try_from(argc).unwrap_or(0);
    // SAFETY: Redis says so many, and keeps them until the command is done.
    let strings = unsafe { std::slice::from_raw_parts(argv, argc) };
    let arguments = strings.iter().skip(1).map(|&string| unsafe { bytes(string) }).collect();
    let mut call = Call { ctx, strings, arguments };
    // A panic must not pass through Redis. It would be an error of ours in one
    // command, and no reason to take all data from everybody.
    let outcome = catch_unwind(AssertUnwindSafe(|| handler(&mut call))).unwrap_or_else(|_| {
        Err(Failure::err("internal error in the JSON module, please report it"))
    });
    match outcome {
        Ok(reply) => unsafe { write(ctx, &reply) },
        Err(Failure::Arity) => unsafe {
            function!(RedisModule_WrongArity)(ctx);
        },
        // SAFETY: a string that ends with a zero, which Redis copies.
        Err(Failure::Error(text)) => unsafe {
            function!(RedisModule_ReplyWithError)(ctx, line(&text).as_ptr());
        },
    }
    raw::REDISMODULE_OK as c_int
}

/// A text that can be an error reply, which ends at its line break, and a C string.
pub fn line(text: &str) -> CString {
    let bytes =
        text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte });
    CString::new(bytes.collect::<Vec<_>>()).unwrap_or_default()
}

/// A string's bytes.
///
/// # Safety
/// They are valid as long as the string is.
unsafe fn bytes<'c>(string: *const RedisModuleString) -> &'c [u8] {
    let mut len = 0;
    let start = raw::string_ptr_len(string, &raw mut len);
    unsafe { std::slice::from_raw_parts(start.cast(), len) }
}

/// Writes a reply in the protocol that the client speaks.
///
/// # Safety
/// `ctx` is a command's that has not been answered yet.
unsafe fn write(ctx: *mut RedisModuleCtx, reply: &Reply) {
    // Only a connection that is gone cannot be answered.
    let _: Status = match reply {
        Reply::Null => raw::reply_with_null(ctx),
        Reply::Integer(value) => raw::reply_with_long_long(ctx, *value),
        Reply::Double(value) => raw::reply_with_double(ctx, *value),
        Reply::Status(text) => raw::reply_with_simple_string(ctx, text.as_ptr()),
        Reply::Bulk(text) => {
            raw::reply_with_string_buffer(ctx, text.as_ptr().cast::<c_char>(), text.len())
        }
        Reply::Array(replies) => {
            let len = c_long::try_from(replies.len()).unwrap_or(c_long::MAX);
            let status = raw::reply_with_array(ctx, len);
            for reply in replies {
                unsafe { write(ctx, reply) };
            }
            status
        }
    };
}
