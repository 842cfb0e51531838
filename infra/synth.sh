# What `app` in cdk.json runs: app.py, with the first Python that can. Tried are .venv (make setup), the activated
# environment, python3 and python. Only Python itself and the packages of requirements.txt are needed.

unset PYTHONDONTWRITEBYTECODE # some machines set it: then every synth would compile aws_cdk anew

checks='
import sys
from importlib.util import find_spec
needed = "aws_cdk", "cdk_nag", "msgspec", "botocore", "ruamel", "uv"
missing = [name for name in needed if find_spec(name) is None]
if sys.version_info < (3, 11):
    sys.exit("Python %d.%d, expected 3.11 or newer" % sys.version_info[:2])
if missing:
    sys.exit("lacks " + ", ".join(missing))
'
tried=
for python in .venv/bin/python ${VIRTUAL_ENV:+"$VIRTUAL_ENV/bin/python"} python3 python; do
	command -v "$python" >/dev/null 2>&1 || continue
	if why=$("$python" -c "$checks" 2>&1); then
		PYTHONPATH="$PWD/functions:$PWD/cli${PYTHONPATH:+:$PYTHONPATH}" exec "$python" app.py
	fi
	tried="$tried
  $(command -v "$python"): $(printf '%s\n' "$why" | tail -n 1)"
done
echo "batchgate: no Python was found that can synthesize the stack.${tried:-
  There is neither .venv/bin/python nor an activated environment, python3 or python in the path.}
Run \`make setup\`, or in an environment of your own: pip install -r requirements.txt" >&2
exit 1
