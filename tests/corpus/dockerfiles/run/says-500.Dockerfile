FROM BASE
RUN echo '500 Internal Server Error' && exit 22
