FROM BASE
USER nobody-here
RUN true
