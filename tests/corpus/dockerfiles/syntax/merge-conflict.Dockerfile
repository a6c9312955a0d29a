FROM BASE
<<<<<<< HEAD
ENV A=1
=======
ENV A=2
>>>>>>> x
