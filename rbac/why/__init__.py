"""Why somebody may do a thing, or may not, and who may.

Whether they may is asked of what guards: the backend, the access of a route, `visible_to` and the rules. What stands
here only tells why, and tests hold the two together.
"""
