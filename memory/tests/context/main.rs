//! Context assembly over scenes made for the tests.
//! One program, so that it is built and linked once.

mod budget;
mod carried;
mod fixture;
mod injection;
mod prefix;
mod tokenizers;
mod windows;
