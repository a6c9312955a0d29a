FROM BASE
RUN echo 'unexpected EOF' >&2; exit 1
