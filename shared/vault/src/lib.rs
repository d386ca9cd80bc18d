//! The token vault: random tokens for personal values, and the way back.
