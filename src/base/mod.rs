//! Numbers, globs, hashes and newtypes that every room uses; knows no other room.
