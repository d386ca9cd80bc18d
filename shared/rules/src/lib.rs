//! `lake.toml`: what holds for which object.
