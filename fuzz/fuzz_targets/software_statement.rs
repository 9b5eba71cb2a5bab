#![no_main]

sallyport_fuzz::fuzz!("software_statement");
