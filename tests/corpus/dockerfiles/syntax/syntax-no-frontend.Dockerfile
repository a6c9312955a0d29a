# syntax=BASE
FROM BASE
