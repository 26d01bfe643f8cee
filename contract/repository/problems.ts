/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const REPOSITORY_REFUSALS = refusals('Repository', [
  [403, 'tool-pin-by-person', 'only a person accepts what a tool is'],
  [404, 'agent-type-not-found', "there is no agent type …, or none of the tenant's own: search the repository"],
  [404, 'tool-not-found', 'there is no tool with this id'],
  [409, 'agent-type-built-in', '… is a built-in type: choose another id'],
  [409, 'agent-type-exists', '… was defined before and is …: revise it, or choose another id'],
  [409, 'tool-call-exists', 'a call with this id was made before: use another id'],
  [
    409,
    'tool-changed',
    'the server says something else of the tool than people have accepted: a person reads and accepts it',
  ],
  [
    409,
    'tool-interface-unknown',
    'the server was not found to say what has this hash: call the tool, read what is found then, and accept that',
  ],
  [409, 'tool-not-callable', 'the tool is not called here: it names no server of MCP'],
  [409, 'tool-not-pinned', 'nobody has accepted the tool yet: a person reads what it is, and accepts it by its hash'],
  [409, 'tool-version-exists', 'version … is registered with other content: register a higher one'],
  [409, 'tool-version-superseded', 'version … is not the newest, which is …: read that one, and what was found of it'],
  [409, 'tool-version-too-low', 'version … is not above …: register a higher one'],
  [422, 'agent-type-invalid', 'agent_type must be …, or left out'],
  [422, 'arguments-invalid', 'what is wrong with the arguments'],
  [422, 'replacement-invalid', 'replacement must be the id of another tool'],
  [422, 'tool-invalid', 'what is wrong with the tool'],
  [503, 'tools-busy', 'as many tools are being called as may be at once: try again after `Retry-After`'],
]);
