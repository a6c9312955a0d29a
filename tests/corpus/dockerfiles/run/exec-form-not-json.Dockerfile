FROM BASE
RUN ['true']
