prints 210 sh bin/price 8 1
prints 600 sh bin/price 9 2
prints 300 sh bin/price 12 1
prints 1260 sh bin/price 14 3
