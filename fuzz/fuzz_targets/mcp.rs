#![no_main]

sallyport_fuzz::fuzz!("mcp");
