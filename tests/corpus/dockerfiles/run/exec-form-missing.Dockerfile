FROM BASE
RUN ["/nothing"]
