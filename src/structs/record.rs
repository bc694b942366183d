//! `Record`: the object behind a key, in one allocation.
//!
//! Owns the byte layout of a key with its value, deadline and access clock:
//!
//! ```text
//! refs: u32 | meta: u32 | key_len: u32 | val_len: u32      always, 16 bytes
//! deadline: u64                                            only with a deadline
//! P by value, or i64                                       only when the body is a payload or an integer
//! key bytes | value bytes                                  value bytes only when the body is bytes
//! ```
//!
//! `meta` holds the access clock in its low 24 bits, then: has a deadline (1 bit), kind of the body (2 bits),
//! parts of the payload have deadlines (1 bit), and 4 bits for the user. Sizes are rounded up to 8 bytes, as allocators do anyway, so that a
//! value may change a little in place. A key of 16 bytes with a value of 32 is 64 bytes.
//!
//! Promises: a handle is one non-null pointer; everything but the clock is immutable while more than one handle
//! exists; the clock may be set at any time, by any thread. Left out: sharing of keys or values between records.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use super::table::Entry;

/// Beyond this many handles the process is aborted, as `Arc` does.
const MAX_REFS: u32 = u32::MAX / 2;
const CLOCK_MASK: u32 = (1 << 24) - 1;
const DEADLINE_BIT: u32 = 1 << 24;
const KIND_SHIFT: u32 = 25;
const PARTS_BIT: u32 = 1 << 27;
const USER_SHIFT: u32 = 28;
const HEADER: usize = size_of::<Header>();

#[repr(C)]
struct Header {
    refs: AtomicU32,
    meta: AtomicU32,
    key_len: u32,
    val_len: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bytes,
    Int,
    Payload,
}

/// What a record is to hold.
#[derive(Debug)]
pub enum NewBody<'a, P> {
    /// A number, kept as 8 bytes.
    Int(i64),
    /// Bytes, copied behind the key.
    Bytes(&'a [u8]),
    /// A value of its own, usually a pointer to a container.
    Payload(P),
}

/// What a record holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Body<'a, P> {
    /// A number.
    Int(i64),
    /// Inline bytes.
    Bytes(&'a [u8]),
    /// A payload.
    Payload(&'a P),
}

/// What a record holds, for writing; its length and kind stay.
#[derive(Debug)]
pub enum BodyMut<'a, P> {
    /// A number.
    Int(&'a mut i64),
    /// Inline bytes.
    Bytes(&'a mut [u8]),
    /// A payload.
    Payload(&'a mut P),
}

/// Where the parts of a record lie; a pure function of the header.
#[derive(Clone, Copy)]
struct Shape {
    deadline: bool,
    kind: Kind,
    key_len: usize,
    val_len: usize,
}

impl Shape {
    #[inline(always)]
    fn body_at<P>(self) -> usize {
        let base = HEADER + 8 * usize::from(self.deadline);
        match self.kind {
            Kind::Payload => base.next_multiple_of(align_of::<P>()),
            Kind::Bytes | Kind::Int => base,
        }
    }

    #[inline(always)]
    fn key_at<P>(self) -> usize {
        self.body_at::<P>()
            + match self.kind {
                Kind::Bytes => 0,
                Kind::Int => 8,
                Kind::Payload => size_of::<P>(),
            }
    }

    fn layout<P>(self) -> Layout {
        let size = (self.key_at::<P>() + self.key_len + self.val_len).next_multiple_of(8);
        // Both lengths have 32 bits and the alignment comes from types, so this holds on 64 bits.
        Layout::from_size_align(size, align_of::<P>().max(8)).expect("lengths of 32 bits fit a layout")
    }
}

/// A larger record is made anew when its size changes, rather than that bytes are moved which are to be replaced.
const MOST_RESIZED_BYTES: usize = 1024;

/// What a record may hold beside a number and bytes.
pub trait Payload: Clone {
    /// No part of it that has a deadline of its own is due before; none when no part ever is.
    fn parts_due(&self) -> Option<u64> {
        None
    }

    /// What stands for it in a walk while it is changed in place; none where a clone does.
    fn put_by(&mut self) -> Option<Self> {
        None
    }
}

impl Payload for () {}
impl<T> Payload for std::sync::Arc<T> {}
impl<T: Clone> Payload for Box<T> {}

/// A key with its value, deadline and access clock. Cloning is one increment.
pub struct Record<P: Payload> {
    at: NonNull<Header>,
    marker: PhantomData<P>,
}

// SAFETY: the count and the clock are atomic; the rest is only changed through `&mut` by a sole owner.
unsafe impl<P: Payload + Send + Sync> Send for Record<P> {}
// SAFETY: as above; shared access reads, or stores the clock atomically.
unsafe impl<P: Payload + Send + Sync> Sync for Record<P> {}

fn meta_word(clock: u32, deadline: bool, kind: Kind, timed_parts: bool, user_flags: u8) -> u32 {
    (clock & CLOCK_MASK)
        | if deadline { DEADLINE_BIT } else { 0 }
        | if timed_parts { PARTS_BIT } else { 0 }
        | ((kind as u32) << KIND_SHIFT)
        | (u32::from(user_flags & 0xf) << USER_SHIFT)
}

/// Whether parts of a body have deadlines.
fn has_timed_parts<P: Payload>(body: &NewBody<'_, P>) -> bool {
    matches!(body, NewBody::Payload(payload) if payload.parts_due().is_some())
}

impl<P: Payload> Record<P> {
    /// Makes a record. `deadline` is in the unit the caller keeps (Unix milliseconds in the server), the low 24
    /// bits of `clock` and the low 4 of `user_flags` are kept. O(key + value).
    ///
    /// # Panics
    /// When key or value exceed `u32::MAX` bytes; callers bound their arguments far below.
    pub fn new(key: &[u8], body: NewBody<'_, P>, deadline: Option<u64>, clock: u32, user_flags: u8) -> Self {
        let (kind, value) = match &body {
            NewBody::Int(_) => (Kind::Int, &[][..]),
            NewBody::Bytes(bytes) => (Kind::Bytes, *bytes),
            NewBody::Payload(_) => (Kind::Payload, &[][..]),
        };
        let key_len = u32::try_from(key.len()).expect("the caller bounds keys below 4 GiB");
        let val_len = u32::try_from(value.len()).expect("the caller bounds values below 4 GiB");
        let shape = Shape { deadline: deadline.is_some(), kind, key_len: key.len(), val_len: value.len() };
        let layout = shape.layout::<P>();
        let timed_parts = has_timed_parts(&body);
        // SAFETY: the layout holds at least the header, so it is not empty.
        let raw = unsafe { alloc(layout) }.cast::<Header>();
        let Some(at) = NonNull::new(raw) else { handle_alloc_error(layout) };
        let record = Self { at, marker: PhantomData };
        // SAFETY: the allocation is fresh, and `shape` places every part inside it at its alignment.
        unsafe {
            at.write(Header {
                refs: AtomicU32::new(1),
                meta: AtomicU32::new(meta_word(clock, shape.deadline, kind, timed_parts, user_flags)),
                key_len,
                val_len,
            });
            if let Some(moment) = deadline {
                record.byte(HEADER).cast::<u64>().write(moment);
            }
            record.byte(shape.key_at::<P>()).copy_from_nonoverlapping(key.as_ptr(), key.len());
            record.write_body(shape, body);
        }
        record
    }

    /// Writes the body over whatever is there, without dropping it.
    ///
    /// # Safety
    /// `shape` must be the shape of the body and fit the allocation, and nobody else may look at it.
    unsafe fn write_body(&self, shape: Shape, body: NewBody<'_, P>) {
        // SAFETY: the caller vouches for the shape; it aligns the payload for `P` and the integer for 8 bytes.
        unsafe {
            match body {
                NewBody::Int(number) => self.byte(shape.body_at::<P>()).cast::<i64>().write(number),
                NewBody::Payload(payload) => self.byte(shape.body_at::<P>()).cast::<P>().write(payload),
                NewBody::Bytes(bytes) => {
                    self.byte(shape.key_at::<P>() + shape.key_len).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
                }
            }
        }
    }

    #[inline(always)]
    fn header(&self) -> &Header {
        // SAFETY: the header is initialised and lives as long as the handle; the lengths only change under `&mut`.
        unsafe { self.at.as_ref() }
    }

    /// A pointer into the allocation.
    ///
    /// # Safety
    /// `offset` must lie within it.
    #[inline(always)]
    unsafe fn byte(&self, offset: usize) -> *mut u8 {
        // SAFETY: passed on to the caller.
        unsafe { self.at.as_ptr().cast::<u8>().add(offset) }
    }

    #[inline(always)]
    fn meta(&self) -> u32 {
        self.header().meta.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn shape(&self) -> Shape {
        let header = self.header();
        let meta = self.meta();
        let kind = match (meta >> KIND_SHIFT) & 3 {
            0 => Kind::Bytes,
            1 => Kind::Int,
            _ => Kind::Payload,
        };
        Shape {
            deadline: meta & DEADLINE_BIT != 0,
            kind,
            key_len: header.key_len as usize,
            val_len: header.val_len as usize,
        }
    }

    /// The key. O(1).
    #[inline]
    pub fn key(&self) -> &[u8] {
        let shape = self.shape();
        // SAFETY: `new` wrote `key_len` bytes there and they stay until a sole owner moves them.
        unsafe { std::slice::from_raw_parts(self.byte(shape.key_at::<P>()), shape.key_len) }
    }

    /// The value. O(1).
    #[inline]
    pub fn body(&self) -> Body<'_, P> {
        let shape = self.shape();
        // SAFETY: the header's kind says what was written at that place.
        unsafe {
            match shape.kind {
                Kind::Bytes => Body::Bytes(std::slice::from_raw_parts(
                    self.byte(shape.key_at::<P>() + shape.key_len),
                    shape.val_len,
                )),
                Kind::Int => Body::Int(*self.byte(shape.body_at::<P>()).cast::<i64>()),
                Kind::Payload => Body::Payload(&*self.byte(shape.body_at::<P>()).cast::<P>()),
            }
        }
    }

    /// The value for writing in place; a shared record is copied first (its payload cloned). O(1), or
    /// O(key + value) when shared.
    pub fn body_mut(&mut self) -> BodyMut<'_, P> {
        self.own();
        let shape = self.shape();
        // SAFETY: as in `body`, and the record is unique and borrowed mutably.
        unsafe {
            match shape.kind {
                Kind::Bytes => BodyMut::Bytes(std::slice::from_raw_parts_mut(
                    self.byte(shape.key_at::<P>() + shape.key_len),
                    shape.val_len,
                )),
                Kind::Int => BodyMut::Int(&mut *self.byte(shape.body_at::<P>()).cast::<i64>()),
                Kind::Payload => BodyMut::Payload(&mut *self.byte(shape.body_at::<P>()).cast::<P>()),
            }
        }
    }

    /// Replaces the value and the user's flags; key, deadline and clock stay. In place when the record is unique and of
    /// the size, rounded up to 8, that it had; a small one of another size is resized, which the allocator does in place
    /// as long as not half of the block is wasted: overwriting many values with shorter ones would else leave their
    /// blocks, scattered over pages that nobody can use, beside as many new ones. Returns the old payload when this was
    /// its only record, so that it can be reclaimed elsewhere. O(key + value).
    pub fn replace_body(&mut self, body: NewBody<'_, P>, user_flags: u8) -> Option<P> {
        let old = self.shape();
        let (kind, val_len) = match &body {
            NewBody::Int(_) => (Kind::Int, 0),
            NewBody::Bytes(bytes) => (Kind::Bytes, bytes.len()),
            NewBody::Payload(_) => (Kind::Payload, 0),
        };
        let new = Shape { kind, val_len, ..old };
        let (from, to) = (old.layout::<P>(), new.layout::<P>());
        if !self.is_unique() || to != from && to.size().max(from.size()) > MOST_RESIZED_BYTES {
            let fresh = Self::new(self.key(), body, self.deadline(), self.clock(), user_flags);
            return std::mem::replace(self, fresh).into_payload();
        }
        let val_len = u32::try_from(val_len).expect("a value of the same layout fits as the old one did");
        let timed_parts = has_timed_parts(&body);
        // SAFETY: the record is unique. The old payload is moved out before anything is written, the key is moved while
        // both its places lie in the allocation, and before its place can be overwritten.
        unsafe {
            let payload = self.read_payload(old);
            if to.size() > from.size() {
                self.resize(from, to.size());
            }
            ptr::copy(self.byte(old.key_at::<P>()), self.byte(new.key_at::<P>()), old.key_len);
            if to.size() < from.size() {
                self.resize(from, to.size());
            }
            self.write_body(new, body);
            let meta = meta_word(self.clock(), old.deadline, kind, timed_parts, user_flags);
            let header = self.at.as_mut();
            header.val_len = val_len;
            *header.meta.get_mut() = meta;
            payload
        }
    }

    /// Gives the allocation another size; what fits stays as it is.
    ///
    /// # Safety
    /// The record must be unique and `from` the layout it was allocated with; from here on it is that of this size.
    unsafe fn resize(&mut self, from: Layout, size: usize) {
        // SAFETY: passed on to the caller; a size is never 0 and was checked when its layout was made.
        let raw = unsafe { realloc(self.at.as_ptr().cast(), from, size) };
        let Some(at) = NonNull::new(raw) else { handle_alloc_error(from) };
        self.at = at.cast();
    }

    /// Moves the payload out, if the shape has one.
    ///
    /// # Safety
    /// The record must be unique, and the place must not be read or dropped as a `P` again.
    unsafe fn read_payload(&self, shape: Shape) -> Option<P> {
        // SAFETY: the kind says that a `P` lies there; the caller vouches for the rest.
        (shape.kind == Kind::Payload).then(|| unsafe { self.byte(shape.body_at::<P>()).cast::<P>().read() })
    }

    fn cloned_body(&self) -> NewBody<'_, P> {
        match self.body() {
            Body::Int(number) => NewBody::Int(number),
            Body::Bytes(bytes) => NewBody::Bytes(bytes),
            Body::Payload(payload) => NewBody::Payload(payload.clone()),
        }
    }

    fn own(&mut self) {
        if !self.is_unique() {
            let noted = self.has_timed_parts();
            *self = self.with_key(self.key());
            self.set_timed_parts(noted);
        }
    }

    /// The moment it expires, if it does. O(1).
    #[inline]
    pub fn deadline(&self) -> Option<u64> {
        // SAFETY: with the bit set, a deadline was written behind the header.
        (self.meta() & DEADLINE_BIT != 0).then(|| unsafe { *self.byte(HEADER).cast::<u64>() })
    }

    /// Whether parts of the payload have deadlines of their own, as of the last `note_parts`. O(1).
    #[inline]
    pub fn has_timed_parts(&self) -> bool {
        self.meta() & PARTS_BIT != 0
    }

    /// Sets the mark of timed parts of a unique record.
    fn set_timed_parts(&mut self, has: bool) {
        let meta = self.meta();
        self.header().meta.store(meta & !PARTS_BIT | if has { PARTS_BIT } else { 0 }, Ordering::Relaxed);
    }

    /// Looks whether parts of the payload have deadlines of their own, after it was changed in place. A shared record is
    /// copied first, when that changes anything.
    pub fn note_parts(&mut self) {
        let has = matches!(self.body(), Body::Payload(payload) if payload.parts_due().is_some());
        if has != self.has_timed_parts() {
            self.own();
            self.set_timed_parts(has);
        }
    }

    /// Neither the record nor a part of it is due before. O(1).
    #[inline]
    pub fn due(&self) -> Option<u64> {
        let deadline = self.deadline();
        if !self.has_timed_parts() {
            return deadline;
        }
        match self.body() {
            Body::Payload(payload) => payload.parts_due().into_iter().chain(deadline).min(),
            _ => deadline,
        }
    }

    /// Sets or removes the deadline. In place when there was one and the record is unique, else the record is
    /// rebuilt: O(key + value), the payload moved, or cloned when shared.
    pub fn set_deadline(&mut self, deadline: Option<u64>) {
        let shape = self.shape();
        match deadline {
            None if !shape.deadline => {}
            Some(moment) if shape.deadline && self.is_unique() => {
                // SAFETY: the room for a deadline is there and the record is unique.
                unsafe { self.byte(HEADER).cast::<u64>().write(moment) }
            }
            _ => {
                let (clock, user_flags, noted) = (self.clock(), self.user_flags(), self.has_timed_parts());
                let unique = self.is_unique();
                let body = match self.body() {
                    // SAFETY: the record is unique; below, the old allocation is freed without a drop of `P`.
                    Body::Payload(payload) if unique => NewBody::Payload(unsafe { ptr::read(payload) }),
                    _ => self.cloned_body(),
                };
                let mut fresh = Self::new(self.key(), body, deadline, clock, user_flags);
                fresh.set_timed_parts(noted);
                let old = std::mem::replace(self, fresh);
                if unique {
                    let old = ManuallyDrop::new(old);
                    // SAFETY: the only handle; its payload, if any, has been moved to the new record.
                    unsafe { dealloc(old.at.as_ptr().cast(), shape.layout::<P>()) }
                }
            }
        }
    }

    /// The access clock (24 bits).
    #[inline]
    pub fn clock(&self) -> u32 {
        self.meta() & CLOCK_MASK
    }

    /// Sets the access clock to the low 24 bits of `clock`; allowed while shared, seen by all handles.
    #[inline]
    pub fn set_clock(&self, clock: u32) {
        // A plain load and store: the other bits change only under a unique `&mut`, so none can be lost.
        let meta = self.meta();
        let new = (meta & !CLOCK_MASK) | (clock & CLOCK_MASK);
        if new != meta {
            self.header().meta.store(new, Ordering::Relaxed);
        }
    }

    /// The user's flags (4 bits).
    #[inline]
    pub fn user_flags(&self) -> u8 {
        (self.meta() >> USER_SHIFT) as u8
    }

    /// Sets the user's flags; a shared record is copied first.
    pub fn set_user_flags(&mut self, user_flags: u8) {
        let meta = self.meta();
        let new = (meta & !(0xf << USER_SHIFT)) | (u32::from(user_flags & 0xf) << USER_SHIFT);
        if new != meta {
            self.own();
            self.header().meta.store(new, Ordering::Relaxed);
        }
    }

    /// A copy under another key, with the same body (the payload cloned), deadline, clock and flags.
    pub fn with_key(&self, key: &[u8]) -> Self {
        Self::new(key, self.cloned_body(), self.deadline(), self.clock(), self.user_flags())
    }

    /// The record as it is now, to be kept while this one changes. A small one without a payload is copied, so that this one
    /// can be changed, and resized, where it lies: the copies are given back soon and together, while a changed record that
    /// went elsewhere would leave a hole that only another of its size fits in.
    fn put_by(&mut self) -> Self {
        let shape = self.shape();
        let bytes = shape.layout::<P>().size();
        if shape.kind == Kind::Payload {
            let by = if self.is_unique() { self.payload_put_by() } else { None };
            return by.unwrap_or_else(|| self.clone());
        }
        if bytes > MOST_RESIZED_BYTES {
            return self.clone();
        }
        super::held::left_behind(bytes);
        self.with_key(self.key())
    }

    /// For the only handle.
    fn payload_put_by(&mut self) -> Option<Self> {
        let by = match self.body_mut() {
            BodyMut::Payload(payload) => payload.put_by()?,
            _ => return None,
        };
        let body = NewBody::Payload(by);
        Some(Self::new(self.key(), body, self.deadline(), self.clock(), self.user_flags()))
    }

    /// Whether this is the only handle.
    #[inline]
    pub fn is_unique(&self) -> bool {
        self.header().refs.load(Ordering::Acquire) == 1
    }

    /// The payload, when there is one and this is the only handle; else the handle is just dropped.
    pub fn into_payload(self) -> Option<P> {
        let shape = self.shape();
        if shape.kind != Kind::Payload || !self.is_unique() {
            return None;
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: the only handle and never dropped; the payload is moved out, then the memory is freed.
        unsafe {
            let payload = this.read_payload(shape);
            dealloc(this.at.as_ptr().cast(), shape.layout::<P>());
            payload
        }
    }

    /// Bytes asked of the allocator, without what a payload points to. O(1).
    pub fn alloc_bytes(&self) -> usize {
        self.shape().layout::<P>().size()
    }

    /// Where the allocation begins, for prefetching.
    #[inline]
    pub fn address(&self) -> *const u8 {
        self.at.as_ptr().cast()
    }
}

impl<P: Payload> Clone for Record<P> {
    #[inline]
    fn clone(&self) -> Self {
        if self.header().refs.fetch_add(1, Ordering::Relaxed) > MAX_REFS {
            std::process::abort();
        }
        Self { at: self.at, marker: PhantomData }
    }
}

impl<P: Payload> Drop for Record<P> {
    #[inline]
    fn drop(&mut self) {
        // A sole owner needs no locked instruction: nobody else can raise the count.
        if !self.is_unique() {
            // Taken before: others may free it as soon as the share is given up.
            let bytes = self.shape().layout::<P>().size();
            if self.header().refs.fetch_sub(1, Ordering::Release) != 1 {
                super::held::left_behind(bytes);
                return;
            }
            fence(Ordering::Acquire);
        }
        let shape = self.shape();
        super::held::freed(shape.layout::<P>().size());
        // SAFETY: this was the last handle, so nobody looks at the payload or the memory again.
        unsafe {
            drop(self.read_payload(shape));
            dealloc(self.at.as_ptr().cast(), shape.layout::<P>());
        }
    }
}

impl<P: Payload + std::fmt::Debug> std::fmt::Debug for Record<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key().escape_ascii())
            .field("body", &self.body())
            .field("deadline", &self.deadline())
            .field("clock", &self.clock())
            .field("user_flags", &self.user_flags())
            .finish()
    }
}

impl<P: Payload> Entry for Record<P> {
    #[inline]
    fn key(&self) -> &[u8] {
        Record::key(self)
    }

    #[inline]
    fn deadline(&self) -> Option<u64> {
        Record::deadline(self)
    }

    #[inline]
    fn due(&self) -> Option<u64> {
        Record::due(self)
    }

    #[inline]
    fn has_timed_parts(&self) -> bool {
        Record::has_timed_parts(self)
    }

    fn note_parts(&mut self) {
        Record::note_parts(self);
    }

    fn set_deadline(&mut self, deadline: Option<u64>) {
        Record::set_deadline(self, deadline);
    }

    fn put_by(&mut self) -> Self {
        Record::put_by(self)
    }

    #[inline]
    fn address(&self) -> *const u8 {
        Record::address(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    type Payload = Arc<Vec<u8>>;

    #[test]
    fn sixteen_and_thirty_two_bytes_make_sixty_four() {
        let record = Record::<Payload>::new(&[b'k'; 16], NewBody::Bytes(&[b'v'; 32]), None, 0, 0);
        assert_eq!(record.alloc_bytes(), 64);
        let record = Record::<Payload>::new(&[b'k'; 16], NewBody::Bytes(&[b'v'; 32]), Some(1), 0, 0);
        assert_eq!(record.alloc_bytes(), 72);
        assert_eq!(size_of::<Option<Record<Payload>>>(), 8);
    }

    #[test]
    fn a_payload_of_wide_alignment_is_aligned() {
        #[derive(Clone)]
        #[repr(align(32))]
        struct Wide(u8);
        impl super::Payload for Wide {}
        for deadline in [None, Some(9)] {
            let record = Record::new(b"key", NewBody::Payload(Wide(7)), deadline, 0, 0);
            let Body::Payload(payload) = record.body() else { panic!("a payload") };
            assert!((&raw const *payload).is_aligned());
            assert_eq!((payload.0, record.key()), (7, &b"key"[..]));
        }
    }

    #[test]
    fn the_clock_is_shared_and_the_rest_is_not() {
        let mut one = Record::<Payload>::new(b"k", NewBody::Int(1), None, 5, 3);
        let two = one.clone();
        one.set_clock(0xff00_0007);
        assert_eq!((one.clock(), two.clock()), (7, 7));
        one.set_user_flags(0xf);
        let BodyMut::Int(number) = one.body_mut() else { panic!("a number") };
        *number = 2;
        assert_eq!((one.user_flags(), two.user_flags()), (15, 3));
        assert_eq!((one.body(), two.body()), (Body::Int(2), Body::Int(1)));
    }

    #[test]
    fn a_payload_comes_back_only_from_its_last_record() {
        let payload = Arc::new(vec![1]);
        let mut one = Record::new(b"k", NewBody::Payload(payload.clone()), None, 0, 0);
        let two = one.clone();
        assert!(one.replace_body(NewBody::Int(1), 0).is_none());
        assert_eq!(Arc::strong_count(&payload), 2);
        assert!(two.into_payload().is_some());
        assert_eq!(Arc::strong_count(&payload), 1);
        one.replace_body(NewBody::Payload(payload.clone()), 0);
        assert!(one.replace_body(NewBody::Bytes(b"12345678"), 0).is_some());
        assert_eq!(one.body(), Body::Bytes(b"12345678"));
        assert_eq!(Arc::strong_count(&payload), 1);
    }

    #[test]
    fn what_is_put_by_lets_a_small_record_change_where_it_lies() {
        let small = ModelBody::Bytes(vec![7; 32]);
        let large = ModelBody::Bytes(vec![7; 2 * MOST_RESIZED_BYTES]);
        let payload = ModelBody::Payload(Arc::new(vec![7]));
        for (body, is_copied) in [(ModelBody::Int(7), true), (small, true), (large, false), (payload, false)] {
            let mut one: Record<Payload> = Record::new(b"key", body.new_body(), Some(9), 5, 1);
            let by = one.put_by();
            assert_eq!(one.is_unique(), is_copied);
            one.replace_body(NewBody::Int(8), 0);
            assert_eq!((by.key(), by.deadline(), by.clock(), by.user_flags()), (&b"key"[..], Some(9), 5, 1));
            let untouched: Record<Payload> = Record::new(b"key", body.new_body(), None, 0, 0);
            assert_eq!((by.body(), one.body()), (untouched.body(), Body::Int(8)));
        }
    }

    #[test]
    fn a_value_of_another_length_leaves_key_and_clones_as_they_were() {
        let key = b"key:000000000001";
        let mut one: Record<Payload> = Record::new(key, NewBody::Bytes(&[7; 32]), None, 0, 0);
        for len in [3, 17, 32, 0, 200, 30] {
            one.replace_body(NewBody::Bytes(&vec![len; len.into()]), 0);
            assert_eq!((one.key(), one.body()), (&key[..], Body::Bytes(&vec![len; len.into()])));
        }
        let shared = one.clone();
        one.replace_body(NewBody::Bytes(b"x"), 0);
        assert_eq!((shared.body(), one.body()), (Body::Bytes(&[30; 30]), Body::Bytes(b"x")));
        assert_eq!((shared.key(), one.key()), (&key[..], &key[..]));
    }

    #[derive(Clone)]
    struct Model {
        key: Vec<u8>,
        body: ModelBody,
        deadline: Option<u64>,
        user_flags: u8,
    }

    #[derive(Clone)]
    enum ModelBody {
        Int(i64),
        Bytes(Vec<u8>),
        Payload(Payload),
    }

    impl ModelBody {
        fn random(rng: &mut fastrand::Rng) -> Self {
            match rng.u8(..4) {
                0 => Self::Int(rng.i64(..)),
                1 => Self::Payload(Arc::new(vec![rng.u8(..)])),
                2 if rng.u8(..8) == 0 => {
                    let most = 2 * MOST_RESIZED_BYTES;
                    Self::Bytes((0..rng.usize(..most)).map(|_| rng.u8(..)).collect())
                }
                _ => Self::Bytes((0..rng.usize(..24)).map(|_| rng.u8(..)).collect()),
            }
        }

        fn new_body(&self) -> NewBody<'_, Payload> {
            match self {
                Self::Int(number) => NewBody::Int(*number),
                Self::Bytes(bytes) => NewBody::Bytes(bytes),
                Self::Payload(payload) => NewBody::Payload(payload.clone()),
            }
        }
    }

    fn same(real: &Record<Payload>, model: &Model) {
        assert_eq!(real.key(), model.key);
        assert_eq!(real.deadline(), model.deadline);
        assert_eq!(real.user_flags(), model.user_flags);
        match (real.body(), &model.body) {
            (Body::Int(a), ModelBody::Int(b)) => assert_eq!(a, *b),
            (Body::Bytes(a), ModelBody::Bytes(b)) => assert_eq!(a, b),
            (Body::Payload(a), ModelBody::Payload(b)) => assert!(Arc::ptr_eq(a, b) || a == b),
            _ => panic!("another kind of body"),
        }
    }

    #[test]
    fn records_agree_with_a_model_through_every_change() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut live: Vec<(Record<Payload>, Model)> = Vec::new();
        for _ in 0..10_000 {
            let pick = (!live.is_empty()).then(|| rng.usize(..live.len()));
            match (rng.u8(..8), pick) {
                (0, _) | (_, None) => {
                    let model = Model {
                        key: (0..rng.usize(..20)).map(|_| rng.u8(..)).collect(),
                        body: ModelBody::random(&mut rng),
                        deadline: rng.bool().then(|| rng.u64(..)),
                        user_flags: rng.u8(..16),
                    };
                    let clock = rng.u32(..);
                    let real = Record::new(&model.key, model.body.new_body(), model.deadline, clock, model.user_flags);
                    assert_eq!(real.clock(), clock & CLOCK_MASK);
                    live.push((real, model));
                }
                (1, Some(at)) => {
                    let copy = live[at].clone();
                    live.push(copy);
                }
                (2 | 3, Some(at)) => {
                    let (real, model) = &mut live[at];
                    model.body = ModelBody::random(&mut rng);
                    model.user_flags = rng.u8(..16);
                    let clock = real.clock();
                    drop(real.replace_body(model.body.new_body(), model.user_flags));
                    assert_eq!(real.clock(), clock);
                }
                (4, Some(at)) => {
                    let (real, model) = &mut live[at];
                    model.deadline = rng.bool().then(|| rng.u64(..));
                    real.set_deadline(model.deadline);
                }
                (5, Some(at)) => {
                    let (real, model) = &mut live[at];
                    match (real.body_mut(), &mut model.body) {
                        (BodyMut::Int(a), ModelBody::Int(b)) => {
                            *a = !*a;
                            *b = !*b;
                        }
                        (BodyMut::Bytes(a), ModelBody::Bytes(b)) => {
                            a.iter_mut().for_each(|byte| *byte ^= 9);
                            b.iter_mut().for_each(|byte| *byte ^= 9);
                        }
                        (BodyMut::Payload(a), ModelBody::Payload(b)) => {
                            *a = Arc::new(vec![3]);
                            *b = a.clone();
                        }
                        _ => panic!("another kind of body"),
                    }
                }
                (6, Some(at)) => {
                    let (real, model) = &mut live[at];
                    model.key.push(1);
                    *real = real.with_key(&model.key);
                }
                (_, Some(at)) => {
                    let (real, model) = live.swap_remove(at);
                    if let (Some(payload), ModelBody::Payload(expected)) = (real.into_payload(), &model.body) {
                        assert_eq!(&payload, expected);
                    }
                }
            }
            if let Some((real, model)) = live.last() {
                same(real, model);
            }
        }
        live.iter().for_each(|(real, model)| same(real, model));
    }
}
