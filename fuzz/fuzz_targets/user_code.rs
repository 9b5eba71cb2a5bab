#![no_main]

sallyport_fuzz::fuzz!("user_code");
