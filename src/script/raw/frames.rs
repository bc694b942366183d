//! The local variables of running functions, which the binding does not show.

use mlua::{Lua, Value, ffi};
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// Local variables of the function at a level of the stack, in the order they were declared, with the values they have;
/// temporary ones too. Level 0 is the function that runs. `None`: there is no such level.
pub fn locals(lua: &Lua, level: usize) -> Option<Vec<(String, Value)>> {
    lua.exec_raw_lua(|raw| {
        let state = raw.state();
        let mut frame = MaybeUninit::<ffi::lua_Debug>::uninit();
        let mut found = Vec::new();
        // SAFETY: the state is the one that runs. `lua_getstack` fills of the frame what `lua_getlocal` reads, which
        // pushes one value or returns null; room for it and for the reference to it was asked for. Names live as long as
        // the function they are of, which is on the stack. Nothing here allocates in the interpreter but the stack, while
        // memory is limited: if there is none left for two values, the level is not shown.
        unsafe {
            if ffi::lua_getstack(state, i32::try_from(level).ok()?, frame.as_mut_ptr()) == 0 {
                return None;
            }
            for number in 1.. {
                if ffi::lua_checkstack(state, 2) == 0 {
                    break;
                }
                let name = ffi::lua_getlocal(state, frame.as_ptr(), number);
                if name.is_null() {
                    break;
                }
                let name = CStr::from_ptr(name).to_string_lossy().into_owned();
                found.push((name, raw.pop_value()));
            }
        }
        Some(found)
    })
}
