FROM BASE
RUN --security=none true
