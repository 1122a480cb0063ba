// hiredis, found beside the other headers of the system: its pkg-config file carries a flag that SwiftPM refuses.
#include <hiredis/hiredis.h>
