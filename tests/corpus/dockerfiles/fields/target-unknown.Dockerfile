FROM BASE AS runtime
