FROM BASE
RUN --security=insecure true
