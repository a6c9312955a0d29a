FROM BASE
RUN : 'no such host' 401 Unauthorized x509 ; exit 5
