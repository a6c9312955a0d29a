FROM BASE
COPY certs/x509.pem /
