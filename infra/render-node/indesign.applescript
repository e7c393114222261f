-- EXAMPLE, NEVER RUN: there was neither a Mac nor InDesign where this was written. Read it before you use it.
--
--   GROUNDSWELL_RENDER_NODE_COMMAND='["osascript","/opt/render-node/indesign.applescript","{job}","{output}"]'
--
-- Hands the two places to indesign.jsx, which lies beside this file. Nothing of the report is in a command line.
on run arguments
	set scriptFolder to do shell script "dirname " & quoted form of POSIX path of (path to me)
	tell application "Adobe InDesign 2025"
		with timeout of 80 seconds
			do script (POSIX file (scriptFolder & "/indesign.jsx")) language javascript with arguments arguments
		end timeout
	end tell
end run
