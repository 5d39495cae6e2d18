//! What Redis asks of a type of its own: saving, loading, copying, freeing, measuring.
//!
//! Name and saved form are RedisJSON's (its version 3: the JSON text as one
//! string), so that either can load what the other has saved.

use std::os::raw::{c_int, c_void};
use std::ptr;

use redis_module::native_types::RedisType;
use redis_module::raw::{self, RedisModuleDigest, RedisModuleIO, RedisModuleString};

use super::call::line;
use super::defrag::defrag;
use super::table::function;
use crate::document::Document;
use crate::failure::Failure;
use crate::text;

/// The version of the saved form.
const ENCODING: i32 = 3;

/// The type of keys that hold documents.
pub static DATA_TYPE: RedisType = RedisType::new(
    "ReJSON-RL",
    ENCODING,
    raw::RedisModuleTypeMethods {
        version: redis_module::TYPE_METHOD_VERSION,
        rdb_load: Some(load),
        rdb_save: Some(save),
        aof_rewrite: Some(rewrite),
        mem_usage: Some(memory),
        digest: Some(digest),
        free: Some(free),
        free_effort: Some(free_effort),
        copy: Some(copy),
        defrag: Some(defrag),
        aux_load: None,
        aux_save: None,
        aux_save_triggers: 0,
        unlink: None,
        mem_usage2: None,
        free_effort2: None,
        unlink2: None,
        copy2: None,
        aux_save2: None,
    },
);

/// The document that Redis has a pointer to.
///
/// # Safety
/// It is one that this module gave to Redis.
unsafe fn document<'a>(value: *const c_void) -> &'a Document {
    unsafe { &*value.cast::<Document>() }
}

/// Reads a document; nothing if it is damaged, which ends the loading with an error.
unsafe extern "C" fn load(rdb: *mut RedisModuleIO, encoding: c_int) -> *mut c_void {
    match unsafe { read(rdb, encoding) } {
        Ok(document) => Box::into_raw(Box::new(document)).cast(),
        Err(reason) => {
            log(&reason);
            ptr::null_mut()
        }
    }
}

/// Says why a document cannot be loaded; Redis says which it is.
fn log(reason: &str) {
    let reason = line(reason);
    // SAFETY: a level of Redis's, a format and what it asks for.
    unsafe {
        function!(RedisModule_Log)(
            ptr::null_mut(),
            c"warning".as_ptr(),
            c"a JSON document cannot be loaded: %s".as_ptr(),
            reason.as_ptr(),
        );
    }
}

unsafe fn read(rdb: *mut RedisModuleIO, encoding: c_int) -> Result<Document, String> {
    if encoding != ENCODING {
        return Err(format!("it is in format {encoding}, this module reads format {ENCODING}"));
    }
    let text = raw::load_string_buffer(rdb).map_err(|error| error.to_string())?;
    Document::load(text.as_ref()).map_err(|failure| match failure {
        Failure::Error(text) => text,
        Failure::Arity => "it is damaged".into(),
    })
}

unsafe extern "C" fn save(rdb: *mut RedisModuleIO, value: *mut c_void) {
    raw::save_slice(rdb, &text::to_vec(&unsafe { document(value) }.root));
}

unsafe extern "C" fn rewrite(
    aof: *mut RedisModuleIO,
    key: *mut RedisModuleString,
    value: *mut c_void,
) {
    unsafe {
        let text = text::to_vec(&document(value).root);
        // The format: a string of Redis's, a C string, and bytes with their number.
        function!(RedisModule_EmitAOF)(
            aof,
            c"JSON.SET".as_ptr(),
            c"scb".as_ptr(),
            key,
            c"$".as_ptr(),
            text.as_ptr(),
            text.len(),
        );
    }
}

unsafe extern "C" fn memory(value: *const c_void) -> usize {
    size_of::<Document>() + unsafe { document(value) }.root.heap_bytes()
}

unsafe extern "C" fn digest(digest: *mut RedisModuleDigest, value: *mut c_void) {
    unsafe {
        let text = text::to_vec(&document(value).root);
        function!(RedisModule_DigestAddStringBuffer)(digest, text.as_ptr().cast(), text.len());
        function!(RedisModule_DigestEndSequence)(digest);
    }
}

unsafe extern "C" fn free(value: *mut c_void) {
    drop(unsafe { Box::from_raw(value.cast::<Document>()) });
}

unsafe extern "C" fn free_effort(_: *mut RedisModuleString, value: *const c_void) -> usize {
    unsafe { document(value) }.free_effort()
}

unsafe extern "C" fn copy(
    _: *mut RedisModuleString,
    _: *mut RedisModuleString,
    value: *const c_void,
) -> *mut c_void {
    Box::into_raw(Box::new(unsafe { document(value) }.clone())).cast()
}
