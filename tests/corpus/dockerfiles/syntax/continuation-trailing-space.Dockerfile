FROM BASE
RUN echo a \ 
 && false
