//! Making nodes of a tree changeable: the way to a leaf, the leaf or single slots of it, and what a walk that is under way
//! allows.
//!
//! Promise: what a clone or a walk still reads is copied, or put by, before it changes.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use triomphe::Arc;

use super::super::Entry;
use super::super::link::Link;
use super::super::segment::Segment;
use super::super::walk::Editing;
use super::{Tree, index};

/// Where an entry is, or could be.
pub(in super::super) enum Place<'a, E: Entry> {
    Found(&'a mut E),
    Vacant(Vacancy<'a, E>),
    /// The segment is full and as deep as may be.
    Full,
}

/// A leaf that may be changed, if `shared` only in slots that were touched.
struct Edited<E: Entry> {
    segment: *mut Segment<E>,
    shared: bool,
}

impl<E: Entry> Clone for Edited<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Entry> Copy for Edited<E> {}

/// A free slot, in a segment that may be changed there.
pub(in super::super) struct Vacancy<'a, E: Entry> {
    segment: *mut Segment<E>,
    at: usize,
    marker: PhantomData<&'a mut E>,
}

impl<'a, E: Entry> Vacancy<'a, E> {
    /// Fills it.
    #[inline(always)]
    pub(in super::super) fn fill(self, hash: u64, entry: E) -> &'a mut E {
        // SAFETY: the tree is borrowed for as long as this is there, and has made the slot changeable.
        unsafe { &mut *Segment::put_at(self.segment, self.at, hash, entry) }
    }
}

impl<E: Entry> Tree<E> {
    /// The leaf that covers `hash`, after the directories on the way to it were made changeable.
    #[inline(always)]
    pub(super) fn own_way(&mut self, hash: u64) -> Option<Link<E>> {
        let place = self.root.as_mut()?;
        // SAFETY: the tree owns its root; from there each directory is made changeable before its child is looked at.
        unsafe {
            let (mut link, mut rest) = (*place, hash);
            if link.is_segment() {
                return Some(link);
            }
            Link::own(place);
            link = *place;
            loop {
                let (bits, at) = (link.bits(), index(rest, link.bits()));
                let child = link.child(at);
                if child.is_segment() {
                    return Some(child);
                }
                link = link.own_child(at);
                rest <<= bits;
            }
        }
    }

    /// The leaf that covers `hash`, made changeable together with the way to it.
    #[inline(always)]
    pub(super) fn own_leaf(&mut self, hash: u64) -> Option<*mut Segment<E>> {
        let place = self.root.as_mut()?;
        // SAFETY: the tree owns its root; from there each node is made changeable before its child is looked at.
        unsafe {
            Link::own(place);
            let (mut link, mut rest) = (*place, hash);
            while !link.is_segment() {
                let bits = link.bits();
                link = link.own_child(index(rest, bits));
                rest <<= bits;
            }
            Some(link.segment())
        }
    }

    /// The leaf that covers `hash`, in which single slots may be changed after `touch`; the way to it is changeable.
    #[inline(always)]
    fn edit_leaf(&mut self, hash: u64) -> Option<Edited<E>> {
        let link = self.own_way(hash)?;
        // SAFETY: the tree keeps its nodes alive.
        if unsafe { link.is_unique() } {
            return Some(Edited { segment: link.segment(), shared: false });
        }
        self.edit_shared(link, hash)
    }

    #[cold]
    #[inline(never)]
    fn edit_shared(&mut self, link: Link<E>, hash: u64) -> Option<Edited<E>> {
        if let Some(editing) = &mut self.editing {
            // SAFETY: the way to the leaf is owned.
            if unsafe { editing.lock(link) } {
                return Some(Edited { segment: link.segment(), shared: true });
            }
        }
        self.own_leaf(hash).map(|segment| Edited { segment, shared: false })
    }

    /// Prepares a slot of a leaf from `edit_leaf` for a change.
    #[inline(always)]
    fn touch(&mut self, leaf: Edited<E>, at: usize) {
        if leaf.shared
            && let Some(editing) = &mut self.editing
        {
            // SAFETY: `edit_leaf` got the lock, and locks are kept until the tree's owner gives them all back.
            unsafe { editing.put_by(leaf.segment, at) }
        }
    }

    /// The entry in slot `at` of the leaf that covers `hash`, to be changed.
    #[inline(always)]
    pub(in super::super) fn entry_mut(&mut self, hash: u64, at: usize) -> Option<&mut E> {
        let leaf = self.edit_leaf(hash)?;
        self.touch(leaf, at);
        // SAFETY: the slot may be changed, and the tree is borrowed mutably.
        Some(unsafe { &mut *Segment::entry_at(leaf.segment, at) })
    }

    /// Takes out the entry in slot `at` of the leaf that covers `hash`, and says how many the leaf still has.
    #[inline(always)]
    pub(in super::super) fn take(&mut self, hash: u64, at: usize) -> Option<(E, usize)> {
        let leaf = self.edit_leaf(hash)?;
        self.touch(leaf, at);
        // SAFETY: the slot may be changed; nobody else changes any.
        unsafe { Some((Segment::take_at(leaf.segment, at), (*leaf.segment).len())) }
    }

    /// The entry under `key`, or a slot for it; makes that changeable, and splits the leaf until there is room.
    #[inline]
    pub(in super::super) fn place(&mut self, hash: u64, key: &[u8]) -> Place<'_, E> {
        let mut looked = false;
        loop {
            let Some(leaf) = self.edit_leaf(hash) else {
                self.root = Some(Link::to_segment(Segment::boxed()));
                self.bytes = size_of::<Segment<E>>();
                continue;
            };
            // SAFETY: nobody else changes the segment; the reference is given up before it is changed here.
            let segment = unsafe { &*leaf.segment };
            if !looked {
                if let Some(at) = segment.find(hash, key) {
                    self.touch(leaf, at);
                    // SAFETY: the slot may be changed, and the tree is borrowed mutably.
                    return Place::Found(unsafe { &mut *Segment::entry_at(leaf.segment, at) });
                }
                looked = true;
            }
            if let Some(at) = segment.vacant(hash) {
                self.touch(leaf, at);
                return Place::Vacant(Vacancy { segment: leaf.segment, at, marker: PhantomData });
            }
            // What is split has to be this tree's own.
            self.own_leaf(hash);
            if !self.split(hash) {
                return Place::Full;
            }
        }
    }

    /// The entry under `key`, or the one that `make` makes for it, and whether it was made. At the depth limit
    /// `make` is handed back.
    #[inline]
    pub(in super::super) fn find_or_make<M: FnOnce() -> E>(
        &mut self,
        hash: u64,
        key: &[u8],
        make: M,
    ) -> Result<(&mut E, bool), M> {
        let (entry, made): (*mut E, bool) = match self.place(hash, key) {
            Place::Found(entry) => (entry, false),
            Place::Vacant(vacancy) => (vacancy.fill(hash, make()), true),
            Place::Full => return Err(make),
        };
        // SAFETY: the entry lies in a segment that may be changed there. `lower` changes directories only, so it neither
        // moves nor writes the segment.
        unsafe {
            if made && let Some(due) = (*entry).due() {
                self.lower(hash, due);
            }
            Ok((&mut *entry, made))
        }
    }

    /// Whether no clone is alive, nor a walk under way.
    pub(in super::super) fn is_alone(&self) -> bool {
        self.kin.get().is_none_or(Arc::is_unique)
    }

    /// Whether there is nothing.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Whether shared segments are changed in place.
    pub(in super::super) fn is_edited(&self) -> bool {
        self.editing.is_some()
    }

    /// The number of the next walk.
    pub(in super::super) fn next_epoch(&mut self) -> u32 {
        self.epoch = (self.epoch + 1) % 64;
        self.epoch.into()
    }

    /// Changes shared segments in place from now on.
    pub(in super::super) fn set_editing(&mut self, editing: Editing<E>) {
        self.editing = Some(Box::new(editing));
    }

    /// Gives back the locks of segments that were changed in place. Whether the walk goes on.
    #[inline]
    pub(in super::super) fn end_edits(&mut self) -> bool {
        if let Some(editing) = &mut self.editing {
            editing.unlock();
            if editing.is_over() {
                self.editing = None;
            }
        }
        self.editing.is_some()
    }

    /// Takes the root out, with the tree's reference.
    pub(in super::super) fn take_root(&mut self) -> Option<Link<E>> {
        self.root.take()
    }
}
