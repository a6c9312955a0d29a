FROM BASE
RUN echo 'context canceled' && exit 1
