.PHONY: test
test: ## everything, installing and starting what it needs
	cargo test --locked
