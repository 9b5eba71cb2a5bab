#![no_main]

sallyport_fuzz::fuzz!("redirect_match");
