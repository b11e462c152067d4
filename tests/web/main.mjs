// All tests of the page, one after the other. `./test web NAME` runs those whose names match.
import './shell.mjs';
import './look.mjs';
import './hostile.mjs';
import './access.mjs';
import './login.mjs';
