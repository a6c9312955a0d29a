# escape=x
FROM BASE
RUN true
