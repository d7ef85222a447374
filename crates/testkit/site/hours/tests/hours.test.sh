prints 07:00-21:00 sh bin/hours 7
prints 08:00-18:00 sh bin/hours 9
prints 10:00-14:00 sh bin/hours 12
holds "there is no thirteenth month" sh -c '! sh bin/hours 13'
