FROM BASE
RUN echo 'connection refused' >&2; exit 7
