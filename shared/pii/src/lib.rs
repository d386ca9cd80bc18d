//! Personal data: how it is found, and what it is replaced by.
