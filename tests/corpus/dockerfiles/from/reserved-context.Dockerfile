FROM BASE AS context
