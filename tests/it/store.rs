mod audit;
mod rls;
