#![no_main]

sallyport_fuzz::fuzz!("outside_token");
