#![no_main]

sallyport_fuzz::fuzz!("passkey");
